import { z } from 'zod'

/** The settings of the brake, part of the organisation's; loosening any of them is a guard. */
export const brakeSettings = z.object({
  /** Seconds in which a request may be taken back before it is carried out. */
  undoSeconds: z.number().int().min(5).max(86_400).default(30),
  /** Units one person or key may ask for in an hour before requests are held. */
  unitsPerActorPerHour: z.number().int().min(1).max(10_000).default(5),
  /** Units the whole organisation may ask for in an hour before requests are held. */
  unitsPerTenantPerHour: z.number().int().min(1).max(100_000).default(20),
})
export type BrakeSettings = z.output<typeof brakeSettings>
