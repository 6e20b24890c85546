/** What is used of Plotly, whose script stands in the page. */
export interface PlotlyLibrary {
  react(element: HTMLElement, data: readonly object[], layout: object, config: object): Promise<PlotlyElement>;
  restyle(element: HTMLElement, update: object, traces: readonly number[]): Promise<unknown>;
}

/** An element with a figure in it. */
export interface PlotlyElement extends HTMLElement {
  readonly data: readonly Trace[];
  on(event: 'plotly_hover' | 'plotly_unhover' | 'plotly_click', listener: (event: { readonly points: readonly Point[] }) => void): void;
  removeAllListeners(event: string): void;
}

/** A trace, as far as the script reads it. */
export interface Trace {
  readonly x: readonly (number | null)[];
  readonly y: readonly (number | null)[];
  readonly ids?: readonly string[];
  readonly meta?: { readonly runs?: readonly string[]; readonly isMark?: boolean };
}

export interface Point {
  readonly curveNumber: number;
  readonly pointNumber: number;
}

declare const Plotly: PlotlyLibrary;

export function plotly(): PlotlyLibrary {
  return Plotly;
}
