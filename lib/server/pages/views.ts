import type { RetrainingState, Version } from '../../corrections';
import type { VersionEvent } from '../../models';
import type { Decision } from '../../prediction';
import type { Language } from '../translations';

/** What every page needs to know of its reader and of the server. */
export interface PageContext {
  readonly language: Language;
  readonly theme: Theme;
  /** The page's own path with its query, for forms that come back to it. */
  readonly path: string;
  /** Whether this reader may retrain, promote and roll back. */
  readonly isAdmin: boolean;
  /** Whether signing in would make the reader one. */
  readonly mayBecomeAdmin: boolean;
  readonly tasks: readonly { readonly name: string; readonly title: string; readonly isReady: boolean }[];
  /** What came of the form that led here. */
  readonly flash?: { readonly kind: 'ok' | 'error'; readonly text: string };
  /** Addresses of the style sheet and the script; a changed file has another address. */
  readonly assets: { readonly css: string; readonly js: string };
}

export const themes = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

/** A task as a page shows it. */
export interface TaskView {
  readonly name: string;
  /** Where its page is: `/` or `/galaxy`. */
  readonly path: string;
  /** Whether a picture may have several classes, or has exactly one. */
  readonly kind: 'multilabel' | 'multiclass';
  readonly classes: readonly string[];
  /** Whether readers may say what a picture shows. */
  readonly acceptsCorrections: boolean;
}

/** The model that answers, as far as a reader should know it. */
export interface ModelView {
  readonly run: string;
  readonly dataName: string;
  readonly isSample: boolean;
  readonly isStandIn: boolean;
}

/** An error as the API gives it. */
export interface ErrorText {
  readonly code?: string;
  /** What is wrong and what to do; never a path or a stack. */
  readonly message: string;
}

/** How probable a class is. */
export interface ClassShare {
  readonly name: string;
  readonly share: number;
  /** From this probability on the class counts as present; absent where the most probable one is the answer, or the decision was made by another rule. */
  readonly threshold?: number;
}

/** One uploaded picture: what the model says of it, or why it says nothing. */
export interface ResultView {
  /** The prediction's number; null while the database has not given one. */
  readonly id: number | null;
  readonly filename: string;
  /** Its name for `/uploads/:name` and `/maps/:name`; null when the picture is not kept (any more). */
  readonly upload: string | null;
  /** Why there is no prediction: known codes are said in the reader's language, of others the message is shown. */
  readonly error?: ErrorText;
  readonly decision?: Decision;
  /** One for each class, in the model's order, each in [0, 1]. */
  readonly probabilities?: readonly ClassShare[];
  readonly milliseconds?: number;
  /** The run whose model answered. */
  readonly model?: string;
  /** One 0 or 1 for each class of the task; null or absent: not corrected. */
  readonly correction?: readonly number[] | null;
}

export interface PredictView {
  readonly task: TaskView;
  readonly results: readonly ResultView[];
  /** Absent where the task is not retrained on corrections. */
  readonly retraining?: RetrainingState;
  readonly model?: ModelView;
  /** Why there is no model, and what to run. */
  readonly problem?: ErrorText;
}

export interface ModelsView {
  readonly task: TaskView;
  /** Newest first. */
  readonly versions: readonly Version[];
  /** Two versions to put side by side. */
  readonly compare?: readonly [Version, Version];
  /** A second version that answers a share of the requests. */
  readonly trial?: { readonly run: string; readonly share: number };
  /** How often the two versions of the trial said the same of one picture. */
  readonly agreement?: { readonly compared: number; readonly agreed: number };
  /** Newest first. */
  readonly events: readonly VersionEvent[];
}

/** One row of the history, and a picture to review: a stored prediction has all of this. */
export interface PastPrediction {
  readonly id: number;
  readonly filename: string;
  /** Null when the picture is not kept any more. */
  readonly uploadFile: string | null;
  readonly createdAt: Date;
  readonly decision: Decision;
  readonly confidence: number;
  readonly modelRun: string;
  readonly classes: readonly string[];
  readonly probabilities: readonly number[];
  readonly correctedLabels: readonly number[] | null;
}

/** The history's filter as it stands in the address; empty texts filter nothing. */
export interface HistoryFilter {
  /** A class' name, `none` or `uncertain`. */
  readonly decision?: string;
  readonly model?: string;
  /** A part of the file's name. */
  readonly search?: string;
  /** Days, as `2026-03-01`: both are included. */
  readonly from?: string;
  readonly to?: string;
}

export interface HistoryView {
  readonly task: TaskView;
  readonly predictions: readonly PastPrediction[];
  readonly filter: HistoryFilter;
  /** The `cursor` of the next page; null on the last. */
  readonly next: string | null;
  /** Whether this is a later page than the first. */
  readonly isContinued: boolean;
  /** How many predictions the filter lets through. */
  readonly total: number;
  /** Runs to choose from. */
  readonly models: readonly string[];
}

export interface ReviewView {
  readonly task: TaskView;
  /** Those of which the model is least sure come first. */
  readonly pictures: readonly PastPrediction[];
}

export interface SignInView {
  /** Where to go afterwards. */
  readonly back: string;
  readonly wasWrong: boolean;
}

export interface ErrorView extends ErrorText {
  readonly status: number;
}
