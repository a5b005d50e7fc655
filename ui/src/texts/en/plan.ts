/** The view of what would be done. */
export const plan = {
  modes: { up: 'Bring up', remove: 'Take down' },
  mode: 'What to plan',
  editor: 'Spec file, YAML',
  editorHelp:
    'Ctrl+Space offers the keys and values that fit here, Escape closes the offer. Tab leaves the editor.',
  reload: 'As it is now',
  reloadWhy: 'Write the spaces that are up into the editor again',
  noHelp: 'Here a key or a value of your own stands.',
  examples: (list: string) => `For example: ${list}`,
  problems: (count: number) => (count === 1 ? '1 mistake in the text' : `${count} mistakes in the text`),
  at: (line: number, column: number) => `line ${line}, column ${column}`,
  choose: 'Spaces to take down',
  noSpaces: 'No space is up.',
  operations: (count: number) =>
    count === 0 ? 'Nothing has to be done' : count === 1 ? '1 operation' : `${count} operations`,
  nothing: 'All is already as the text says.',
  nothingChosen: 'Choose what is to be taken down.',
  planning: 'Planning',
  step: (number: number) => `step ${number}`,
  host: 'all spaces',
  warnings: 'To be known beforehand',
  scripts: 'The same by hand',
  dialects: { shell: 'Shell', nft: 'nft', iptables: 'iptables' },
  noScript: 'Nothing to write.',
  save: 'Save',
  picture: 'As it would be',
  apply: 'Apply',
  remove: 'Take down',
  applying: 'At work',
  confirmApply: 'Apply this plan?',
  confirmRemove: 'Take these spaces down?',
  confirmWhat: (operations: number, host: string) =>
    operations === 1
      ? `One operation is carried out on ${host}. If it fails, nothing has changed.`
      : `${operations} operations are carried out on ${host}, all or none: if one fails, those before it are undone.`,
  confirmLab: 'This is the lab: nothing outside it is touched.',
  spaces: (names: string) => `Spaces: ${names}`,
  done: (changes: number) => (changes === 1 ? 'Done: 1 change.' : `Done: ${changes} changes.`),
}
