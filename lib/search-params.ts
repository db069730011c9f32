/** The search parameters of a page as Next hands them over. */
export type PageParams = Readonly<Record<string, string | string[] | undefined>>

type Allowed = Readonly<Record<string, readonly string[] | null>>
type Picked<A extends Allowed> = { [N in keyof A]?: A[N] extends readonly (infer V)[] ? V : string }

/**
 * The known parameters of a page: the first of a repeated name, only allowed values (null: any text of at most 500
 * characters), nothing empty. What does not fit is left out rather than refused: old links still open.
 */
export function pickParams<const A extends Allowed>(params: PageParams, allowed: A): Picked<A> {
  const picked: Record<string, string> = {}
  for (const [name, values] of Object.entries(allowed)) {
    const given = params[name]
    const value = (Array.isArray(given) ? given[0] : given)?.trim()
    if (value && value.length <= 500 && (!values || values.includes(value))) picked[name] = value
  }
  // Each value was found in its list, or needs none.
  return picked as Picked<A>
}
