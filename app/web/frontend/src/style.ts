// How the map looks: the city's own areas, counts by cell, then the work orders themselves. No service outside.

import type { ExpressionSpecification, LayerSpecification, StyleSpecification, SymbolLayerSpecification } from "maplibre-gl";
import type { Color, State } from "./signs";

// A state is told by the shape of its sign (signs.ts, the same as in the list), the color only helps. Against land and
// water each color has a contrast of more than 4 to 1.
export const LIGHT: Color = { land: "#eef2ef", water: "#dfe7ea", line: "#b9c5bf", ink: "#34413c", halo: "#ffffff", open: "#b93a08", fixed: "#0b6b58", closed: "#56657a", asset: "#cfe3d6" };
export const DARK: Color = { land: "#18201d", water: "#0f1513", line: "#3a4742", ink: "#c9d4cf", halo: "#101614", open: "#ff9d5c", fixed: "#5cc9ae", closed: "#94a3b8", asset: "#1f3a2f" };

export const SOURCE = "city";
export const POINTS = ["work-orders"];
export const CELLS = ["cells"];
export const CHOSEN = ["chosen", "chosen-sign"];
const IS_NUMBERED: ExpressionSpecification = [">", ["get", "total"], 1];

// The name of an image says which sign it is, so that one that is missing can be drawn.
export const imageOf = (state: State, plain: boolean, dark: boolean): string => ["sign", state, plain ? "plain" : "mark", dark ? "dark" : "light"].join("/");

export const readImage = (name: string): { state: State; plain: boolean; dark: boolean } | null => {
  const [kind, state, part, scheme] = name.split("/");
  return kind === "sign" ? { state: state as State, plain: part === "plain", dark: scheme === "dark" } : null;
};

// A cell looks as most of it does.
const most = <Value>(of: (state: State) => Value): ExpressionSpecification => {
  const [open, fixed, closed] = (["open", "fixed", "closed"] as const).map(
    (name): ExpressionSpecification => ["coalesce", ["get", name], 0],
  ) as [ExpressionSpecification, ExpressionSpecification, ExpressionSpecification];
  return [
    "case",
    ["all", [">=", open, fixed], [">=", open, closed]], of("open"),
    [">=", fixed, closed], of("fixed"),
    of("closed"),
  ] as ExpressionSpecification;
};

export const makeStyle = (tiles: string, dark: boolean, language: string, chosen: string): StyleSpecification => {
  const color = dark ? DARK : LIGHT;
  const name: ExpressionSpecification =
    language === "zh"
      ? ["coalesce", ["get", "name_zh"], ["get", "name"]]
      : ["case", ["!=", ["coalesce", ["get", "name_en"], ""], ""], ["get", "name_en"], ["get", "name"]];
  const signs: SymbolLayerSpecification["layout"] = {
    "icon-image": ["match", ["get", "state"], "open", imageOf("open", false, dark), "fixed", imageOf("fixed", false, dark), imageOf("closed", false, dark)],
    "icon-size": ["interpolate", ["linear"], ["zoom"], 13, 0.75, 18, 1.3],
    "icon-overlap": "always",
    "icon-ignore-placement": true,
    "symbol-sort-key": ["match", ["get", "state"], "open", 2, "fixed", 1, 0],
  };
  return {
    version: 8,
    sources: { [SOURCE]: { type: "vector", tiles: [tiles], minzoom: 0, maxzoom: 18 } },
    layers: [
      { id: "water", type: "background", paint: { "background-color": color.water } },
      { id: "land", type: "fill", source: SOURCE, "source-layer": "areas", filter: ["==", ["get", "level"], "city"], paint: { "fill-color": color.land } },
      { id: "assets", type: "fill", source: SOURCE, "source-layer": "assets", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": color.asset } },
      { id: "borders", type: "line", source: SOURCE, "source-layer": "areas", paint: { "line-color": color.line, "line-width": ["interpolate", ["linear"], ["zoom"], 8, 0.6, 14, 1.6] } },
      {
        id: "names", type: "symbol", source: SOURCE, "source-layer": "areas", filter: ["!=", ["get", "level"], "city"],
        // Not where a cell would cover half of it: cells are placed first.
        layout: { "text-field": name, "text-size": 12, "text-padding": 4 },
        paint: { "text-color": color.ink, "text-halo-color": color.halo, "text-halo-width": 1.4, "text-opacity": 0.75 },
      },
      {
        id: "cells", type: "symbol", source: SOURCE, "source-layer": "cells",
        layout: {
          "icon-image": ["case", IS_NUMBERED, most((state) => imageOf(state, true, dark)), most((state) => imageOf(state, false, dark))],
          "icon-size": ["interpolate", ["linear"], ["log10", ["max", 1, ["get", "total"]]], 0, 0.7, 1, 1.1, 2, 1.4, 3, 1.8, 5, 2.6],
          "icon-overlap": "always",
          "text-field": ["case", IS_NUMBERED, ["to-string", ["get", "total"]], ""],
          "text-size": 11,
          "text-overlap": "always",
          "text-ignore-placement": true,
          // The largest lies above, with its number.
          "symbol-sort-key": ["get", "total"],
        },
        paint: { "text-color": most((state) => (state === "fixed" ? color.ink : color.halo)) },
      },
      { id: "work-orders", type: "symbol", source: SOURCE, "source-layer": "work_orders", layout: signs },
      {
        id: "chosen", type: "circle", source: SOURCE, "source-layer": "work_orders", filter: ["==", ["get", "id"], chosen],
        paint: { "circle-color": color.land, "circle-stroke-color": color.ink, "circle-stroke-width": 3, "circle-radius": 16 },
      },
      // Above whatever else lies at its place.
      { id: "chosen-sign", type: "symbol", source: SOURCE, "source-layer": "work_orders", filter: ["==", ["get", "id"], chosen], layout: signs },
    ],
  };
};

const GROUND = new Set(["water", "land", "names"]);

// The letters of a style come from its own host, which has the fonts that the style uses and perhaps no others.
const fontOf = (base: StyleSpecification): unknown =>
  base.layers.map((layer) => (layer.layout as Record<string, unknown> | undefined)?.["text-font"]).find(Array.isArray);

// Over a style of the city's own our ground and names are not wanted.
export const layOver = (base: StyleSpecification, own: StyleSpecification): StyleSpecification => {
  const font = base.glyphs ? fontOf(base) : undefined;
  const layers = own.layers
    .filter((layer) => !GROUND.has(layer.id))
    .map((layer) => (layer.id === "cells" && font ? { ...layer, layout: { ...layer.layout, "text-font": font } } : layer)) as LayerSpecification[];
  return { ...base, sources: { ...base.sources, ...own.sources }, layers: [...base.layers, ...layers] };
};
