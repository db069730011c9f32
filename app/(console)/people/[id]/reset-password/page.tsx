import { ResetPage } from '../../_components/reset-page.tsx'

export default function ResetPasswordPage({ params }: { params: Promise<{ id: string }> }) {
  return <ResetPage params={params} what="password" />
}
