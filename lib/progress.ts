/** How far a piece of long work is. `done` of `total` in whatever unit `label` names; `note` is the latest news, such as a loss. */
export interface Progress {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  readonly note?: string;
}

/** Long work calls this as it goes; a terminal, a notebook or a page shows it (see `lib/report/progress.ts`). */
export type OnProgress = (progress: Progress) => void;
