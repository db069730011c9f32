import { notFound } from 'next/navigation'
import { Gallery } from './_components/gallery.tsx'

type Props = { searchParams: Promise<{ part?: string }> }

/** Every piece of the look on one page, for those who build it. Absent from production. */
export default async function GalleryPage({ searchParams }: Props) {
  if (process.env.NODE_ENV === 'production') notFound()
  const { part = 'log' } = await searchParams
  return <Gallery part={part} />
}
