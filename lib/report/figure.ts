/** A Plotly figure as plain data: what JupyterLab, a page and `figureToPng` draw. Sizes in CSS pixels. */
export interface Figure {
  readonly data: readonly Readonly<Record<string, unknown>>[];
  readonly layout: Layout;
}

export interface Layout extends Readonly<Record<string, unknown>> {
  readonly width: number;
  readonly height: number;
}

/** Inter is drawn in PNGs where its package is installed (see `fonts.ts`); a browser falls back to its own sans serif. */
export const fontFamily = 'Inter, Segoe UI, Helvetica Neue, Arial, sans-serif';

/**
 * Okabe and Ito's colours, which colour-blind people tell apart (https://jfly.uni-koeln.de/color/), the ones that stand out
 * least on white last.
 */
export const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#F0E442'] as const;

export const ink = '#24292f';
export const mutedInk = '#57606a';
export const gridColour = '#e4e7eb';

/** White to the palette's blue: more is darker. */
export const blues = [
  [0, '#f7fbff'],
  [0.5, '#8cc0e0'],
  [1, '#0072B2'],
] as const;

/** Cells shaded from 0 to `zmax`, with a gap between them: what every matrix of the report has, with what differs in `rest`. */
export function shadedMatrix(quantity: string, zmax: number, rest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { colorbar, ...trace } = rest;
  return {
    type: 'heatmap',
    colorscale: blues,
    zmin: 0,
    zmax,
    xgap: 2,
    ygap: 2,
    colorbar: { title: { text: quantity }, thickness: 14, outlinewidth: 0, ...(colorbar as object | undefined) },
    ...trace,
  };
}

export function colour(index: number): string {
  return palette[index % palette.length] as string;
}

/** Text for a figure: Plotly reads tags in text, and names come from users. */
export function plain(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** Longest names are cut in the middle: their ends tell pictures and runs apart. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
}

/** What all figures look like: white paper that also works in a dark JupyterLab, title on the left, legend below. */
export function houseLayout(title: string, width: number, height: number, rest: Readonly<Record<string, unknown>> = {}): Layout {
  const { subtitle, ...layout } = rest;
  return {
    width,
    height,
    title: {
      text: `<b>${plain(title)}</b>`,
      ...(typeof subtitle === 'string' ? { subtitle: { text: plain(subtitle), font: { size: 12, color: mutedInk } } } : {}),
      font: { size: 16 },
      x: 0,
      xref: 'container',
      xanchor: 'left',
      y: 1,
      yref: 'container',
      yanchor: 'top',
      pad: { t: 14, l: 16 },
    },
    font: { family: fontFamily, size: 13, color: ink },
    paper_bgcolor: '#ffffff',
    plot_bgcolor: '#ffffff',
    margin: { t: subtitle ? 76 : 56, r: 24, b: 56, l: 64 },
    legend: { orientation: 'h', x: 0, xanchor: 'left', y: 0, yref: 'container', yanchor: 'bottom', font: { size: 12 } },
    hoverlabel: { font: { family: fontFamily, size: 12 } },
    ...layout,
  };
}

/** An axis in the house style; `title` names the quantity and its unit. */
export function axis(title: string, rest: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    title: { text: title, standoff: 8, font: { size: 13 } },
    gridcolor: gridColour,
    linecolor: '#8c959f',
    zeroline: false,
    automargin: true,
    ...rest,
  };
}

/** A share's axis: 0 to 1 with a little air, so that lines at the ends stay whole. */
export function shareAxis(title: string, rest: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return axis(title, { range: [-0.02, 1.02], dtick: 0.2, tickformat: '.1f', ...rest });
}

/** Bold text above a panel, centred on its axes. */
export function panelTitle(text: string, xaxis: string, yaxis: string): Record<string, unknown> {
  return {
    text: `<b>${plain(text)}</b>`,
    xref: `${xaxis} domain`,
    yref: `${yaxis} domain`,
    x: 0.5,
    y: 1,
    xanchor: 'center',
    yanchor: 'bottom',
    yshift: 6,
    showarrow: false,
    font: { size: 13 },
  };
}
