// The map itself: drawn by MapLibre from our own tiles, over a style of the city's own where there is one.

import "maplibre-gl/dist/maplibre-gl.css";
import { AttributionControl, GeolocateControl, type LngLatLike, Map as CityMap, NavigationControl, setWorkerUrl, type StyleSpecification, type VectorTileSource } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { type PageData, say } from "./data";
import { drawSign, RATIO } from "./signs";
import { CELLS, CHOSEN, DARK, layOver, LIGHT, makeStyle, POINTS, readImage, SOURCE } from "./style";

const CLOSER = 2;
const NEAR_ZOOM = 16;
// A finger is not as fine as a sign.
const TOUCH = 8;
const BASE_MS = 8000;

declare global {
  interface Window {
    cityMap?: CityMap; // for the tests of the page, which wait for its `idle`
  }
}

export class View {
  private readonly map: CityMap;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private base: StyleSpecification | null = null;
  private chosen = "";

  // Throws where the browser cannot draw a map (no WebGL).
  constructor(
    holder: HTMLElement,
    private readonly page: PageData,
    private readonly filters: () => URLSearchParams,
    private readonly open: (id: string, from: HTMLElement) => void,
    private readonly trouble: (text: string) => void,
    at: [number, number] | null,
  ) {
    const own = `${location.origin}/tiles/`;
    setWorkerUrl(workerUrl);
    this.map = new CityMap({
      container: holder,
      style: this.style(),
      ...(at ? { center: at, zoom: NEAR_ZOOM } : { bounds: page.bounds, fitBoundsOptions: { padding: 24 } }),
      hash: true,
      maxZoom: 19,
      // A sign that is chosen must not be gone for the moment in which it fades in.
      fadeDuration: 0,
      dragRotate: false,
      attributionControl: false,
      // refresh() asks for tiles again, and the browser asks whether its own are still right.
      refreshExpiredTiles: false,
      transformRequest: (url) => (url.startsWith(own) ? { url, cache: "no-cache" } : { url }),
      locale: {
        "Map.Title": say(page, "map_title"),
        "NavigationControl.ZoomIn": say(page, "map_in"),
        "NavigationControl.ZoomOut": say(page, "map_out"),
        "GeolocateControl.FindMyLocation": say(page, "map_here"),
        "AttributionControl.ToggleAttribution": say(page, "map_credits"),
      },
    });
    window.cityMap = this.map;
    this.furnish();
    this.listen();
    if (page.style_url) void this.lay(page.style_url);
  }

  // Where the map is, as the list asks for it.
  get place(): { near: string; bbox: string } {
    const [bounds, center] = [this.map.getBounds(), this.map.getCenter()];
    const written = (numbers: number[]): string => numbers.map((each) => each.toFixed(5)).join(",");
    return {
      near: written([center.lng, center.lat]),
      bbox: written([bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()]),
    };
  }

  onMove(moved: () => void): void {
    this.map.on("moveend", moved);
  }

  go(center: LngLatLike): void {
    this.map.easeTo({ center, zoom: Math.max(NEAR_ZOOM, this.map.getZoom()) });
  }

  choose(id: string): void {
    this.chosen = id;
    for (const layer of CHOSEN) if (this.map.getLayer(layer)) this.map.setFilter(layer, ["==", ["get", "id"], id]);
  }

  // Other filters are other tiles.
  redraw(): void {
    this.map.getSource<VectorTileSource>(SOURCE)?.setTiles([this.tiles()]);
  }

  refresh(): void {
    if (this.map.getSource(SOURCE) && this.map.isSourceLoaded(SOURCE)) this.map.refreshTiles(SOURCE);
  }

  private tiles(): string {
    return `${location.origin}/tiles/{z}/{x}/{y}.mvt?${this.filters()}`;
  }

  private style(): StyleSpecification {
    const own = makeStyle(this.tiles(), this.dark.matches, this.page.language, this.chosen);
    return this.base ? layOver(this.base, own) : own;
  }

  // Until the style of the city's own is there, and where it cannot be had, the map is drawn on plain ground.
  private async lay(address: string): Promise<void> {
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(BASE_MS) });
      if (!answer.ok) throw new Error(String(answer.status));
      this.base = (await answer.json()) as StyleSpecification;
      this.map.setStyle(this.style());
    } catch {
      this.trouble(say(this.page, "map_base_away"));
    }
  }

  private furnish(): void {
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    this.map.addControl(new GeolocateControl({}), "top-right");
    this.map.addControl(new AttributionControl({ compact: true, customAttribution: this.page.credit }));
  }

  private listen(): void {
    this.dark.addEventListener("change", () => this.map.setStyle(this.style()));
    this.map.on("style.load", () => this.choose(this.chosen));
    this.map.setMissingStyleImageResolver((id) => {
      const sign = readImage(id);
      if (sign) this.map.addImage(id, drawSign(sign.state, sign.plain, sign.dark ? DARK : LIGHT), { pixelRatio: RATIO });
    });
    this.map.on("error", (event) => {
      const source = (event as unknown as { sourceId?: string }).sourceId;
      if (this.base && source !== SOURCE) this.trouble(say(this.page, "map_base_away"));
      console.warn(event.error.message);
    });
    this.map.on("click", ({ point, lngLat }) => {
      const around: [[number, number], [number, number]] = [[point.x - TOUCH, point.y - TOUCH], [point.x + TOUCH, point.y + TOUCH]];
      const found = this.map.queryRenderedFeatures(around, { layers: [...POINTS, ...CELLS] })[0];
      const id = found?.properties["id"] as string | undefined;
      if (id) this.open(id, this.map.getCanvas());
      else if (found) this.map.easeTo({ center: lngLat, zoom: this.map.getZoom() + CLOSER });
    });
    for (const layer of [...POINTS, ...CELLS]) {
      this.map.on("mouseenter", layer, () => { this.map.getCanvas().style.cursor = "pointer"; });
      this.map.on("mouseleave", layer, () => { this.map.getCanvas().style.cursor = ""; });
    }
  }
}
