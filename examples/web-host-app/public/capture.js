// What a browser lets a page notice. A phone's own buttons and most capture tools stay invisible to it.
const shown = document.querySelector('[data-document]')
const status = document.querySelector('[role=status]')

function tell(means) {
  const { document: id, page } = shown.dataset
  const body = JSON.stringify({ means, document: id, page })
  // keepalive: the report outlives the page.
  fetch('/report', { method: 'POST', body, headers: { 'content-type': 'application/json' }, keepalive: true })
    .then(({ ok }) => {
      status.textContent = ok ? 'Your organisation was told.' : 'Your organisation could not be told.'
    })
    .catch(() => {
      status.textContent = 'Your organisation could not be told.'
    })
}

// Windows gives a page the key when it is let go, others when it is pressed, some both.
let lastPrintScreen = -Infinity
function printScreen(event) {
  if (event.key !== 'PrintScreen' || event.timeStamp - lastPrintScreen < 500) return
  lastPrintScreen = event.timeStamp
  tell('printscreen')
}
addEventListener('keydown', printScreen)
addEventListener('keyup', printScreen)
addEventListener('keydown', (event) => {
  const isMac = event.metaKey && event.shiftKey && ['3', '4', '5'].includes(event.key)
  const isWindows = event.metaKey && event.shiftKey && event.key.toLowerCase() === 's'
  if (isMac || isWindows) tell('shortcut')
})
addEventListener('beforeprint', () => tell('print'))
addEventListener('copy', () => tell('copy'))
// Cover first: what is captured from another window is blurred.
addEventListener('blur', () => document.documentElement.classList.add('covered'))
addEventListener('focus', () => document.documentElement.classList.remove('covered'))
