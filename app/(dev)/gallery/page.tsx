import { notFound } from 'next/navigation'
import { Gallery } from './_components/gallery.tsx'

/** Every piece of the look on one page, for those who build it. Absent from production. */
export default async function GalleryPage() {
  if (process.env.NODE_ENV === 'production') notFound()
  return <Gallery />
}
