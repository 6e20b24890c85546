/** An address that was given as text, or nothing where it is none. `URL.canParse` is unknown to the notebooks' compiler. */
export function parseAddress(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
