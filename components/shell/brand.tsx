/** The gate. A word of its own in no language, so it is not translated. */
export function Brand({ large = false }: { large?: boolean }) {
  return (
    <span
      className={
        large ? 'flex items-center gap-2.5 text-title font-strong' : 'flex items-center gap-2 text-lead font-strong'
      }
    >
      <svg aria-hidden="true" viewBox="0 0 20 20" className={large ? 'size-7' : 'size-5'}>
        <rect width="20" height="20" rx="5" className="fill-ink" />
        <path d="M6 20v-7a4 4 0 0 1 8 0v7z" className="fill-bg" />
      </svg>
      Gatehouse
    </span>
  )
}
