import QRCode from 'qrcode'

/** A QR code as an image of its own, for `src`: dark on white in both themes, or cameras do not read it. */
export async function qrImage(text: string): Promise<string> {
  const svg = await QRCode.toString(text, { type: 'svg', margin: 2, errorCorrectionLevel: 'M' })
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
}
