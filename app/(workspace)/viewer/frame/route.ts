import { FRAME_HTML } from '../../../../viewer/headers.ts'

/** The viewer's frame; the console's door gives it a policy of its own. Nobody is asked who they are: it holds nothing. */
export function GET(): Response {
  return new Response(FRAME_HTML, {
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'public, max-age=0, must-revalidate' },
  })
}
