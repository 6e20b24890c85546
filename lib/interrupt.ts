/** How work is stopped. */
interface Stopping {
  /** What becomes of the work, in words. */
  readonly keeps?: string;
  readonly signals?: readonly NodeJS.Signals[];
}

/**
 * A signal that the next Ctrl-C, or a notebook's "Interrupt kernel", aborts: long work then stops after its step and keeps the best so far. In a
 * terminal a second Ctrl-C ends the process at once.
 */
export function stopOnInterrupt({ keeps = 'the best so far is kept', signals = ['SIGINT'] }: Stopping = {}): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) {
    const stop = (): void => {
      console.error(`\nstopping after this step; ${keeps}`);
      controller.abort();
      // Not at once: libraries that tidy up when the process ends (signal-exit) end it themselves when they find no other listener.
      setImmediate(() => process.removeListener(signal, stop));
    };
    // Nor is this: when the synchronous part of a notebook's cell ends, Node forgets the handlers that it set, and SIGINT would end the kernel.
    queueMicrotask(() => process.on(signal, stop));
  }
  return controller.signal;
}
