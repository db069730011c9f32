import { SkeletonRows } from '#components/ui/states.tsx'

export default function Loading() {
  return (
    <div className="px-6 pt-5 max-md:px-4">
      <SkeletonRows rows={14} />
    </div>
  )
}
