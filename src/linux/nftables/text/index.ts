/** Rules as nft prints them, for whoever needs no more (see late.ts). */
export { ruleText } from './rule-text.ts'
export { contextOf } from './table-text.ts'
