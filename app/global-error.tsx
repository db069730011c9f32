'use client'

/** The last resort, when even the frame failed: no messages, no styles are certain, so both languages stand here. */
export default function GlobalError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <html lang="en">
      <body style={{ font: '14px/20px system-ui, sans-serif', padding: '15vh 1rem', textAlign: 'center' }}>
        <title>Gatehouse</title>
        <h1 style={{ fontSize: '18px' }}>This page could not be drawn</h1>
        <p lang="zh-Hans">无法显示此页面</p>
        {error.digest && <p>{error.digest}</p>}
        <button type="button" onClick={reset} style={{ padding: '6px 12px', font: 'inherit' }}>
          Try again · 重试
        </button>
      </body>
    </html>
  )
}
