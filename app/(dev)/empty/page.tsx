import { connection } from 'next/server'

/** A dynamic page that does nothing: what `npm run bench pages` measures the others against. */
export default async function EmptyPage() {
  await connection()
  return <main>Empty</main>
}
