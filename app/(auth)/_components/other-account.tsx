import { getTranslations } from 'next-intl/server'

/** Leaves a sign-in half way: ends the pending session. */
export async function OtherAccount() {
  const t = await getTranslations('auth')
  return (
    <form method="post" action="/sign-out">
      <button type="submit" className="min-h-6 text-accent hover:underline">
        {t('factor.other')}
      </button>
    </form>
  )
}
