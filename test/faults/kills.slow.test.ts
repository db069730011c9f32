import { expect, it } from 'vitest'
import { runFaults } from './run.ts'

/** The same seed makes the same faults: GATEHOUSE_FAULTS_SEED=… */
const seed = Number(process.env.GATEHOUSE_FAULTS_SEED ?? Math.floor(Math.random() * 2 ** 31))

it('kill -9 of gateways, worker and PostgreSQL: nothing acknowledged is lost, nothing comes twice, the tree and each answer are right', async () => {
  console.log(`faults: GATEHOUSE_FAULTS_SEED=${seed}`)
  const outcome = await runFaults({ events: 5_000, phones: 4, faults: 10, pauseMs: 300, seed })
  expect(outcome.problems).toEqual([])
  expect(outcome.events).toBeGreaterThanOrEqual(5_000)
  expect(outcome.searches).toBeGreaterThan(0)
}, 300_000)
