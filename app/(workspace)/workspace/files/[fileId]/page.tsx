import { FileScreen } from '../../_components/file-screen.tsx'
import { WhenServed } from '../../_components/when-served.tsx'

export default async function FilePage({ params }: { params: Promise<{ fileId: string }> }) {
  const { fileId } = await params
  return (
    <WhenServed person={null}>
      <FileScreen key={fileId} fileId={fileId} />
    </WhenServed>
  )
}
