import { LANDMARKS } from './log-drafts.ts'

/** A question as the product is asked it, and as somebody who knows the tables would write it by hand. */
export type Shape = { name: string; q: string; where: string; days?: number }

const { usualPerson, rarePerson, usualFile, rareFile, device, word } = LANDMARKS

export const SHAPES: readonly Shape[] = [
  { name: 'everything', q: '', where: 'true' },
  { name: 'common action', q: 'action:file.view', where: `action = 'file.view'` },
  { name: 'branch of actions', q: 'action:file.*', where: `action LIKE 'file.%'` },
  { name: 'rare action', q: 'action:device.wipe.request', where: `action = 'device.wipe.request'` },
  { name: 'common outcome', q: 'outcome:allowed', where: `outcome = 'allowed'` },
  { name: 'rare outcome', q: 'outcome:denied', where: `outcome = 'denied'` },
  { name: 'common person', q: `actor:${usualPerson}`, where: `actor_id = '${usualPerson}'` },
  { name: 'rare person', q: `actor:${rarePerson}`, where: `actor_id = '${rarePerson}'` },
  { name: 'common file', q: `target:${usualFile}`, where: `target_id = '${usualFile}'` },
  { name: 'rare file', q: `target:${rareFile}`, where: `target_id = '${rareFile}'` },
  { name: 'device', q: `device:${device}`, where: `device_id = '${device}'` },
  { name: 'label', q: 'label:confidential', where: `labels @> '{confidential}'` },
  {
    name: 'common and common',
    q: 'action:file.view label:confidential',
    where: `action = 'file.view' AND labels @> '{confidential}'`,
  },
  {
    name: 'rare and common',
    q: `actor:${rarePerson} action:file.view`,
    where: `actor_id = '${rarePerson}' AND action = 'file.view'`,
  },
  {
    name: 'five together',
    q: 'action:file.view outcome:allowed label:confidential source:device actor:person',
    where: `action = 'file.view' AND outcome = 'allowed' AND labels @> '{confidential}' AND source = 'device' AND actor_kind = 'person'`,
  },
  {
    name: 'one file, captures',
    q: `target:${usualFile} action:screenshot.attempt`,
    where: `target_id = '${usualFile}' AND action = 'screenshot.attempt'`,
  },
  { name: 'word', q: 'payroll', where: `words @> '{payroll}'` },
  { name: 'word of a name in Chinese', q: '合并', where: `words @> '{合并}'` },
  { name: 'one match in all', q: word, where: `words @> '{${word}}'` },
  { name: 'none', q: 'nothing_of_the_kind', where: `words @> '{nothingofthekind}'` },
  { name: 'address range', q: 'ip:10.200.0.0/16', where: `address <<= '10.200.0.0/16'` },
  { name: 'one address', q: 'ip:10.3.7.9', where: `address = '10.3.7.9'` },
  {
    name: 'negation',
    q: '-action:file.view -outcome:allowed',
    where: `action <> 'file.view' AND outcome <> 'allowed'`,
  },
  {
    name: 'captures a month ago',
    q: 'action:screenshot.attempt',
    where: `action = 'screenshot.attempt'`,
    days: 30,
  },
]
