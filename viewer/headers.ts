import { ASSETS_PATH, FRAME_PATH } from './protocol.ts'

/** For the viewer's static files: a frame without an origin is another origin to them. They are the same for everybody. */
export const ASSET_HEADERS = {
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Access-Control-Allow-Origin': '*',
}

/**
 * The policy of the frame alone: no origin, no network but the viewer's own static files, nothing that could leave.
 * `allow-modals` is what printing needs; the embedding page grants it only where printing is allowed (both must).
 * WebAssembly: scanned PDFs (JPEG 2000, JBIG2) are decoded by pdf.js in it; `eval` stays forbidden.
 * No browser lets a policy forbid WebRTC yet: of whoever took over the frame it would be the one way out.
 * The worker starts from a blob: a frame without an origin can start none from a URL.
 */
export function framePolicy(origin: string): string {
  const assets = `${origin}${ASSETS_PATH}`
  return [
    'sandbox allow-scripts allow-modals',
    "default-src 'none'",
    `script-src ${assets} 'wasm-unsafe-eval'`,
    'worker-src blob:',
    `connect-src ${assets}`,
    `style-src ${assets}`,
    'img-src blob: data:',
    `font-src ${assets} blob: data:`,
    "frame-ancestors 'self'",
    "form-action 'none'",
    "base-uri 'none'",
  ].join('; ')
}

/** Every header of `/viewer/frame` that differs from the console's own; `origin` is the console's. */
export function frameHeaders(origin: string): Record<string, string> {
  return {
    'Content-Security-Policy': framePolicy(origin),
    // As in next.config.ts, for browsers that do not know frame-ancestors.
    'X-Frame-Options': 'SAMEORIGIN',
    'X-DNS-Prefetch-Control': 'off',
  }
}

/** Is this exactly the frame? Every other spelling gets the console's own headers. */
export function isFrame(url: string | undefined): boolean {
  return url?.split('?')[0] === FRAME_PATH
}

/** The frame's document, the same for everybody: what it shows arrives by message. */
export const FRAME_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Viewer</title>
<link rel="stylesheet" href="${ASSETS_PATH}frame.css">
<link rel="modulepreload" crossorigin href="${ASSETS_PATH}pdf.mjs">
</head>
<body>
<script src="${ASSETS_PATH}frame.js"></script>
</body>
</html>
`
