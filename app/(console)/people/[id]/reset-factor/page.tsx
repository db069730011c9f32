import { ResetPage } from '../../_components/reset-page.tsx'

export default function ResetFactorPage({ params }: { params: Promise<{ id: string }> }) {
  return <ResetPage params={params} what="factor" />
}
