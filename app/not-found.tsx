import { NothingHere } from './_nothing-here.tsx'

export default function NotFound() {
  return (
    <main id="content">
      <NothingHere />
    </main>
  )
}
