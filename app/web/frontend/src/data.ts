// What the page gives its script, and the pieces of pages that the service writes for it.

export type PageData = {
  language: "zh" | "en";
  texts: Record<string, string>;
  bounds: [number, number, number, number];
  style_url: string | null;
  credit: string; // HTML that the service escaped
};

export const readPage = (): PageData => JSON.parse(document.getElementById("map-data")!.textContent!) as PageData;

export const say = (page: PageData, key: string): string => page.texts[key] ?? key;

// A piece has a tag: asked for again, what did not change is not sent again.
export const readPiece = async (address: string, signal: AbortSignal): Promise<Document> => {
  const answer = await fetch(address, { signal });
  if (!answer.ok) throw new Error(String(answer.status));
  return new DOMParser().parseFromString(await answer.text(), "text/html");
};

export const wasTakenBack = (fault: unknown): boolean => (fault as Error).name === "AbortError";
