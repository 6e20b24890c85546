import type { ModelCard } from '../models';
import type { Predictor } from '../prediction';

/** A loaded model and how many requests use it. Once retired, it is released after the last of them. */
export class ModelSlot {
  private users = 0;
  private isRetired = false;
  private markReleased!: (release: Promise<void>) => void;
  private readonly released = new Promise<void>((resolve) => {
    this.markReleased = resolve;
  });

  constructor(private readonly predictor: Predictor) {}

  get card(): ModelCard {
    return this.predictor.card;
  }

  /** Works with the model, which stays loaded meanwhile. */
  async use<Result>(work: (predictor: Predictor) => Promise<Result>): Promise<Result> {
    this.users++;
    try {
      return await work(this.predictor);
    } finally {
      this.users--;
      this.releaseIfDone();
    }
  }

  /** Nobody begins to use it after this; resolves when it is released. */
  retire(): Promise<void> {
    this.isRetired = true;
    this.releaseIfDone();
    return this.released;
  }

  private releaseIfDone(): void {
    if (this.isRetired && this.users === 0) this.markReleased(this.predictor.release());
  }
}
