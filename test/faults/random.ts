/** Numbers from 0 to 1, the same for the same seed. */
export type Random = () => number

export function oneOf<T>(items: readonly T[], random: Random): T {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new Error('nothing to choose from')
  return item
}
