import { qrImage } from '#components/ui/qr-image.ts'
import type { EnrolmentView } from '#server/identity/schema.ts'

/** The secret and its QR code. */
export async function withQrCode(enrolment: EnrolmentView | null): Promise<{ secret: string; qrCode: string } | null> {
  return enrolment && { secret: enrolment.secret, qrCode: await qrImage(enrolment.uri) }
}
