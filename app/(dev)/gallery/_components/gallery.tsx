import { Page } from '#components/ui/page.tsx'
export function Gallery() { return <Page crumbs={[{ label: 'Gallery' }]}>…</Page> }
