import { getLocale, getTranslations } from 'next-intl/server'

/** W3C Web App Manifest; in the reader's language, so it is not one for all. */
export async function GET(): Promise<Response> {
  const locale = await getLocale()
  const t = await getTranslations('workspace')
  const manifest = {
    id: '/workspace',
    name: t('app.name'),
    short_name: 'Gatehouse',
    description: t('app.description'),
    lang: locale === 'zh' ? 'zh-Hans' : 'en',
    start_url: '/workspace',
    scope: '/workspace',
    display: 'standalone',
    background_color: '#f7f7f5',
    theme_color: '#1b1b18',
    icons: [
      { src: '/workspace/icon-192.png', sizes: '192x192', type: 'image/png' },
      { src: '/workspace/icon-512.png', sizes: '512x512', type: 'image/png' },
      { src: '/workspace/icon-maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
    ],
  }
  return Response.json(manifest, {
    headers: { 'content-type': 'application/manifest+json', 'cache-control': 'private, no-cache' },
  })
}
