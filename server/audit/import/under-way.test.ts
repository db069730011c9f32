import { expect, it } from 'vitest'
import { UnderWay } from './under-way.ts'

/** Work that ends when it is told to. */
function held() {
  let end = () => {}
  let fail = () => {}
  const work = new Promise<void>((resolve, reject) => {
    end = resolve
    fail = () => reject(new Error('failed'))
  })
  return { end, fail, work: () => work }
}

it('of one no more is under way than may be, and of another what it wants', async () => {
  const underWay = new UnderWay(2)
  const [first, second, third, other] = [held(), held(), held(), held()]
  const begun: string[] = []
  const begin = (name: string, work: () => Promise<void>) =>
    underWay.begin('a', work).then(({ done }) => {
      begun.push(name)
      return { done }
    })
  const { done } = await begin('first', first.work)
  await begin('second', second.work)
  const waits = begin('third', third.work)
  await underWay.begin('b', other.work)
  expect(begun).toEqual(['first', 'second'])
  // How it ended is for whoever began it.
  first.fail()
  await expect(done).rejects.toThrow('failed')
  await waits
  expect(begun).toEqual(['first', 'second', 'third'])
})
