import { expect, test } from 'bun:test'
import { nameText, quoteName, quoteText } from './quote.ts'
import { commandText } from './text/command-text.ts'

test('what would end a text or be obeyed by a terminal becomes a question mark', () => {
  expect(quoteText('a";drop\n\u001b[2J\u202e')).toBe('"a?;drop??[2J?"')
  expect(quoteText('für Łódź')).toBe('"für Łódź"')
})

test('names without quotes keep to what nft reads as one word', () => {
  expect(nameText('x { accept; } #')).toBe('x???accept?????')
  expect(nameText('DOCKER-USER_1.a')).toBe('DOCKER-USER_1.a')
})

test('a star that is a part of a name is no wildcard', () => {
  expect(quoteName('eth*')).toBe('"eth\\*"')
})

test('a name of an interface cannot become a command', () => {
  const text = commandText({
    type: 'element.add',
    family: 'inet',
    table: 'natspace',
    set: { name: 'preexisting', key: ['ifname'] },
    elements: [{ key: ['a" };drop'] }],
  })
  expect(text).toBe('nft add element inet natspace preexisting { "a? };drop" }')
})
