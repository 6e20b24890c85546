/** How long the server is put under load. */
export interface ServeBenchConfig {
  readonly quick: boolean;
  /** Numbers of clients; each sends its next picture when it has the answer to the one before. */
  readonly clients: readonly number[];
  /** Those that are measured again while a retraining runs. */
  readonly clientsInRetraining: readonly number[];
  /** Of each load, after the warm-up. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** A load in a retraining ends with the retraining, and after this time at the latest. */
  readonly secondsInRetraining: number;
  /** Pictures that a retraining learns from. */
  readonly corrections: number;
}

/** A few minutes, or with `quick` less than one. */
export function serveBenchConfig(quick: boolean): ServeBenchConfig {
  return {
    quick,
    clients: [1, 8, 32],
    clientsInRetraining: [1, 8],
    seconds: quick ? 4 : 15,
    warmUpSeconds: quick ? 1 : 3,
    secondsInRetraining: quick ? 8 : 60,
    corrections: 10, // as many as start a retraining by themselves
  };
}
