/**
 * What comes from packets, processes and rules can hold anything. The page writes it as text nodes alone, so no markup in
 * it is ever markup; this is for what a text node does not stop: characters that cannot be seen, or that turn around the
 * order of what stands beside them.
 */

/** C0, DEL and C1 controls; what is invisible or reorders; separators of lines; halves of surrogate pairs; tags. */
const unsafe =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\uffff]|[\u180b-\u180f]|[\ufe00-\ufe0f]|[\u{e0000}-\u{e0fff}]|\u034f|\p{Surrogate}/gu

const escaped = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
}

/** A text from outside, with each character that could deceive the eye written as its escape: `\x1b`, `\u{202e}`. */
export const shown = (text: string): string => text.replace(unsafe, escaped)

/** The same for texts of several lines, such as a script: line feeds and tabs stay as they are. */
export const shownLines = (text: string): string =>
  text.replace(unsafe, character =>
    character === '\n' || character === '\t' ? character : escaped(character),
  )
