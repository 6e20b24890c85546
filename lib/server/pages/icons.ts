import { type Html, html } from '../../report/html';

/** Line drawings of 24 × 24, in the colour of the text beside them; they say nothing that the text does not. */
const paths = {
  food: html`<path d="M12 8c-2-2.5-7-2-7 3.5C5 16 8 20 10 20c1 0 1-.6 2-.6s1 .6 2 .6c2 0 5-4 5-8.5C19 6 14 5.5 12 8Zm0 0c0-2 1-4 3-4.5"/>`,
  galaxy: html`<path d="M12 12c0-1.5 2-2 3-.5s0 4.5-3 4.5-5.5-3-4.5-6.5S12.5 4 16 5.5 21 11 20 15m-8-3c0 1.5-2 2-3 .5M4 18c1.5 2 4 3 7 3"/>`,
  review: html`<path d="M4 12.5 9 17.5 20 6.5"/>`,
  history: html`<path d="M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4m4 0v4.5l3 2"/>`,
  models: html`<path d="m12 3 8 4.5-8 4.5-8-4.5L12 3Zm-8 9 8 4.5 8-4.5M4 16.5 12 21l8-4.5"/>`,
  api: html`<path d="m8 7-5 5 5 5m8-10 5 5-5 5"/>`,
  auto: html`<circle cx="12" cy="12" r="8"/><path d="M12 4a8 8 0 0 1 0 16Z" fill="currentColor"/>`,
  light: html`<circle cx="12" cy="12" r="4"/><path d="M12 2.5v2.5m0 14v2.5M2.5 12H5m14 0h2.5M5.3 5.3 7 7m10 10 1.7 1.7m0-13.4L17 7M7 17l-1.7 1.7"/>`,
  dark: html`<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z"/>`,
  upload: html`<path d="M12 16V4m0 0L7.5 8.5M12 4l4.5 4.5M4 15v3.5A1.5 1.5 0 0 0 5.5 20h13a1.5 1.5 0 0 0 1.5-1.5V15"/>`,
  camera: html`<path d="M4 8h3.5L9 5.5h6L16.5 8H20v11H4V8Z"/><circle cx="12" cy="13" r="3.5"/>`,
  picture: html`<path d="M4 5h16v14H4V5Zm0 11 5-5 4.5 4.5L16 13l4 4"/><circle cx="15.5" cy="9" r="1.2"/>`,
} as const;

export type IconName = keyof typeof paths;

export function icon(name: IconName): Html {
  return html`<svg class="icon" viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${paths[name]}</svg>`;
}
