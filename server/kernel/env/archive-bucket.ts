import { z } from 'zod'
import { privateOrigin, word } from './fields.ts'

/** A bucket that speaks S3. */
export interface ArchiveBucket {
  /** Origin; where it begins with the bucket's name, that is how the bucket is addressed. */
  endpoint: string
  bucket: string
  region: string
  accessKeyId: string
  secretAccessKey: string
  /** What all keys begin with, without slashes around it; empty for none. */
  prefix: string
}

/** The variables of the archive's bucket: all of them but the prefix, or none. */
export const bucketFields = {
  GATEHOUSE_ARCHIVE_S3_ENDPOINT: privateOrigin().optional(),
  GATEHOUSE_ARCHIVE_S3_BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket: 3 to 63 of a-z, 0-9, dots and hyphens')
    .optional(),
  GATEHOUSE_ARCHIVE_S3_REGION: z
    .string()
    .regex(/^[\w-]{1,64}$/, 'must be the name of a region such as eu-central-1')
    .optional(),
  GATEHOUSE_ARCHIVE_S3_ACCESS_KEY_ID: word().optional(),
  GATEHOUSE_ARCHIVE_S3_SECRET_ACCESS_KEY: word().optional(),
  GATEHOUSE_ARCHIVE_S3_PREFIX: z
    .string()
    .regex(/^[\w=-][\w.=-]*(\/[\w=-][\w.=-]*)*$/, 'must look like gatehouse/archive, of letters, digits, ., =, _ and -')
    .optional(),
}
type RawBucket = z.output<z.ZodObject<typeof bucketFields>>

const BUCKET_NEEDS = [
  'GATEHOUSE_ARCHIVE_S3_ENDPOINT',
  'GATEHOUSE_ARCHIVE_S3_BUCKET',
  'GATEHOUSE_ARCHIVE_S3_REGION',
  'GATEHOUSE_ARCHIVE_S3_ACCESS_KEY_ID',
  'GATEHOUSE_ARCHIVE_S3_SECRET_ACCESS_KEY',
] as const

/** All or none: half a bucket would leave the archive in the data directory without a word. */
export function bucketProblems(raw: RawBucket): string[] {
  const missing = BUCKET_NEEDS.filter((name) => !raw[name])
  const isAsked = missing.length < BUCKET_NEEDS.length || Boolean(raw.GATEHOUSE_ARCHIVE_S3_PREFIX)
  return isAsked
    ? missing.map((name) => `${name} must be set together with the other GATEHOUSE_ARCHIVE_S3_ variables`)
    : []
}

/** What is missing is told by `bucketProblems`. */
export function bucketSettings(raw: RawBucket, bucket: string): ArchiveBucket {
  return {
    endpoint: raw.GATEHOUSE_ARCHIVE_S3_ENDPOINT ?? '',
    bucket,
    region: raw.GATEHOUSE_ARCHIVE_S3_REGION ?? '',
    accessKeyId: raw.GATEHOUSE_ARCHIVE_S3_ACCESS_KEY_ID ?? '',
    secretAccessKey: raw.GATEHOUSE_ARCHIVE_S3_SECRET_ACCESS_KEY ?? '',
    prefix: raw.GATEHOUSE_ARCHIVE_S3_PREFIX ?? '',
  }
}
