/** Red, green and blue, each in [0, 1]. */
export type Colour = readonly [number, number, number];

/** Hue in degrees, saturation and lightness in [0, 1]; the conversion of CSS Color 4, section 7.1. */
export function hsl(hue: number, saturation: number, lightness: number): Colour {
  const channel = (n: number): number => {
    const k = (((n + hue / 30) % 12) + 12) % 12;
    return lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return [channel(0), channel(8), channel(4)];
}

/** A colour as an SVG attribute. */
export function css(colour: Colour): string {
  return `rgb(${colour.map((channel) => Math.round(channel * 255)).join(' ')})`;
}
