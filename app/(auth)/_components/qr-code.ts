import QRCode from 'qrcode'
import type { EnrolmentView } from '#server/identity/schema.ts'

/** The secret and its QR code as an image of its own: dark on white in both themes, or cameras do not read it. */
export async function withQrCode(enrolment: EnrolmentView | null): Promise<{ secret: string; qrCode: string } | null> {
  if (!enrolment) return null
  const svg = await QRCode.toString(enrolment.uri, { type: 'svg', margin: 2, errorCorrectionLevel: 'M' })
  return { secret: enrolment.secret, qrCode: `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}` }
}
