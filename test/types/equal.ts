/** Whether two types are the same: neither any, nor one that the other could merely be assigned to. */
export type Equal<One, Other> =
  (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false

/** Compiles only for `true`. */
export const holds = <_ extends true>(): void => undefined
