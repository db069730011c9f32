import MarkdownIt from 'markdown-it'

const renderer = new MarkdownIt({
  html: false,
  linkify: false,
  typographer: false,
  breaks: false,
  maxNesting: 40,
}).disable(['image'])

renderer.validateLink = (url) => /^(https?:\/\/|mailto:)/i.test(url.trim())
renderer.renderer.rules.link_open = (tokens, index, options, _env, self) => {
  tokens[index]?.attrSet('rel', 'noopener noreferrer nofollow')
  return self.renderToken(tokens, index, options)
}

/** Markdown as inert HTML: no markup of its own, no pictures, links to the web and to mail only. */
export function renderMarkdown(text: string): string {
  return renderer.render(text)
}
