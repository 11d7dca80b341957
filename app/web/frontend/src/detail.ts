// One work order, opened in the panel: the piece of its own page that the service writes.

import { leaveChosen, writeChosen } from "./address";
import { type PageData, readPiece, say, wasTakenBack } from "./data";

export class Detail {
  id = "";
  private asking = new AbortController();
  private cameFrom: HTMLElement | null = null;
  private written = ""; // as the service wrote what is shown; scripts change it after that
  private readonly shown: HTMLElement;

  constructor(
    private readonly box: HTMLElement,
    private readonly page: PageData,
    private readonly choose: (id: string) => void,
    private readonly lineOf: (id: string) => HTMLElement | null,
  ) {
    this.shown = box.querySelector(".shown")!;
    this.id = box.querySelector<HTMLElement>("article")?.dataset.id ?? "";
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    box.querySelector(".close")!.addEventListener("click", (event) => {
      event.preventDefault();
      this.close();
    });
  }

  open(id: string, from: HTMLElement | null): void {
    this.cameFrom = from;
    writeChosen(id);
    void this.show(id);
  }

  close(): void {
    if (!leaveChosen()) this.hide();
  }

  // Of two that were opened one after the other the last one is shown, whichever answer comes first.
  async show(id: string): Promise<void> {
    this.id = id;
    this.asking.abort();
    const asking = (this.asking = new AbortController());
    this.choose(id);
    this.box.hidden = false;
    this.box.setAttribute("aria-busy", "true");
    try {
      this.put(await this.read(id, asking.signal));
    } catch (fault) {
      if (wasTakenBack(fault)) return;
      const sorry = document.createElement("p");
      sorry.textContent = say(this.page, "map_unreachable");
      this.shown.replaceChildren(sorry);
    }
    this.box.removeAttribute("aria-busy");
    this.box.focus({ preventScroll: true });
    const { top } = this.box.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) this.box.scrollIntoView();
  }

  // What became of it meanwhile is shown too; who is at the slider is not disturbed by what did not change.
  async refresh(): Promise<void> {
    if (!this.id || this.box.hasAttribute("aria-busy")) return;
    try {
      const article = await this.read(this.id, this.asking.signal);
      if (article.dataset.id !== this.id || article.outerHTML === this.written) return;
      const wasInside = this.shown.contains(document.activeElement);
      this.put(article);
      if (wasInside) this.box.focus({ preventScroll: true });
    } catch {
      // The list says what cannot be reached.
    }
  }

  private async read(id: string, signal: AbortSignal): Promise<HTMLElement> {
    const address = `/map/work-orders/${encodeURIComponent(id)}?panel=1&lang=${this.page.language}`;
    return (await readPiece(address, signal)).querySelector("article")!;
  }

  private put(article: HTMLElement): void {
    this.written = article.outerHTML;
    this.shown.replaceChildren(article);
    // compare.js makes the slider of before and after, share.js the button: both listen for this.
    document.dispatchEvent(new Event("shown"));
  }

  // The focus goes to where it came from; the list may have been renewed since.
  hide(): void {
    const from = this.cameFrom?.isConnected ? this.cameFrom : this.lineOf(this.id);
    this.asking.abort();
    this.id = "";
    this.cameFrom = null;
    this.box.hidden = true;
    this.choose("");
    (from ?? document.getElementById("list-title"))?.focus();
  }
}
