/** The version of natspace; test/structure.test.ts holds it equal to that of package.json. */
export const version = '0.1.0'
