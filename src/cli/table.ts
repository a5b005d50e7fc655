export { table } from '../space/text/table.ts'
