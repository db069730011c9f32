import { EnrolByLink } from '../_components/enrol-by-link.tsx'

/** Where a link or QR code leads. Its code is in the fragment, which no server ever sees. */
export default function EnrolPage() {
  return <EnrolByLink />
}
