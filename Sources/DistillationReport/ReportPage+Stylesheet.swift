extension ReportPage {
  /// All styles of the page: light and dark, wide and narrow, screen and paper.
  static let stylesheet: Markup = """
    :root {
      --paper: #faf8f4; --card: #ffffff; --ink: #1f1b16; --muted: #6b6256; --rule: #e4ddd2; --accent: #a44a17;
      --teacher: #1f1b16; --control: #66717e; --hue0: #b4501a; --hue1: #2560b5; --hue2: #0b7a70; --hue3: #7d47ad;
      --hue4: #8b6b00; --hue5: #b23463;
      --shadow: rgb(60 40 20 / 0.2); --k1: #fbe9d7; --k2: #f7cfa8; --k3: #f0a970; --k4: #e58a4d; --on-k: #1f1b16;
      --k-line: #a44a17;
      --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
      --serif: ui-serif, "Iowan Old Style", "Palatino Linotype", Palatino, "Noto Serif", "Liberation Serif", Georgia,
        serif;
      --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Noto Sans Mono", "Liberation Mono", monospace;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --paper: #151210; --card: #1e1a17; --ink: #efe8df; --muted: #a79c8e; --rule: #37302a; --accent: #eb9b66;
        --teacher: #efe8df; --control: #98a3b0; --hue0: #ee935a; --hue1: #82aef0; --hue2: #58c7ba; --hue3: #c39bea;
        --hue4: #d9b84a; --hue5: #ee86ab;
        --shadow: rgb(0 0 0 / 0.75); --k1: #3a2619; --k2: #5a331a; --k3: #80451c; --k4: #a7561f; --on-k: #fff8f1;
        --k-line: #f0a872;
      }
    }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
    body {
      margin: 0 auto; max-width: 74rem; padding: 2.5rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
      font: 1rem/1.55 var(--sans);
    }
    h1, h2 { font-family: var(--serif); font-weight: 600; line-height: 1.2; text-wrap: balance; }
    h1 { font-size: clamp(1.7rem, 1.2rem + 2.2vw, 2.6rem); margin: 0.2rem 0 0.6rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.45rem; margin: 0 0 1rem; }
    h3 { font-size: 1rem; font-weight: 600; margin: 0 0 0.5rem; }
    p { margin: 0 0 0.8rem; }
    section { margin-top: 3rem; padding-top: 1.6rem; border-top: 1px solid var(--rule); }
    code { font-family: var(--mono); font-size: 0.88em; }
    .kicker {
      margin: 0; color: var(--accent); font-size: 0.8rem; font-weight: 600; letter-spacing: 0.09em;
      text-transform: uppercase;
    }
    .facts, .quiet, .note, .unit, .role, .none, .error, footer { color: var(--muted); }
    .path { overflow-wrap: anywhere; }
    .quiet { max-width: 46rem; font-size: 0.92rem; }
    .remark {
      margin: 0.8rem 0 0; padding: 0.6rem 0.9rem; max-width: 52rem; background: var(--card);
      border: 1px solid var(--rule); border-left: 4px solid var(--accent); border-radius: 4px; overflow-wrap: anywhere;
    }
    footer { margin-top: 3rem; font-size: 0.85rem; }

    .model { display: inline-flex; align-items: center; gap: 0.45em; overflow-wrap: anywhere; }
    .swatch { flex: none; width: 0.7em; height: 0.7em; border-radius: 50%; background: var(--series); }
    .role { display: block; font-weight: 400; font-size: 0.82rem; }

    .result { padding: 1.3rem 1.4rem; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
    .result + .result, .result + .quiet { margin-top: 1rem; }
    .finding { margin: 0 0 0.7rem; font-size: 1.1rem; }
    .share { font-family: var(--serif); font-size: 1.9em; line-height: 1; color: var(--series); }
    .meter { position: relative; height: 0.9rem; border-radius: 0.45rem; background: var(--rule); overflow: hidden; }
    .fill { height: 100%; background: var(--series); border-radius: 0.45rem 0 0 0.45rem; }
    .whisker { position: absolute; top: 50%; height: 2px; margin-top: -1px; background: var(--ink); }
    .ends {
      display: flex; justify-content: space-between; gap: 1rem; margin: 0.4rem 0 1.1rem; color: var(--muted);
      font-size: 0.88rem;
    }
    .ends b { color: var(--ink); font-variant-numeric: tabular-nums; }
    .ends span:last-child { text-align: right; }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 1rem; }
    .tile p { margin: 0; font-size: 0.85rem; }
    .tile .value { font: 600 1.45rem/1.35 var(--serif); font-variant-numeric: tabular-nums; }

    .scroller {
      overflow-x: auto; border: 1px solid var(--rule); border-radius: 10px;
      /* a shadow at the right edge for as long as there is more to scroll to, covered at the end */
      background:
        linear-gradient(to left, var(--card) 40%, transparent) right / 3rem 100% no-repeat local,
        linear-gradient(to left, var(--shadow), transparent) right / 1.1rem 100% no-repeat scroll, var(--card);
    }
    .scroller:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.92rem; }
    th, td { padding: 0.42rem 0.9rem; text-align: right; font-weight: 400; white-space: nowrap; }
    thead th { vertical-align: top; font-weight: 600; padding-top: 0.8rem; }
    thead .model { justify-content: flex-end; white-space: normal; text-align: right; }
    th:first-child, td:first-child {
      position: sticky; left: 0; text-align: left; white-space: normal; min-width: 9.5rem; background: var(--card);
    }
    tbody tr + tr > * { border-top: 1px solid var(--rule); }
    tbody tr:hover > * { background: color-mix(in srgb, var(--accent) 6%, var(--card)); }
    .group th {
      padding-top: 1.2rem; font-size: 0.78rem; font-weight: 600; letter-spacing: 0.06em; text-transform: uppercase;
      color: var(--accent);
    }
    .group th span { position: sticky; left: 0.9rem; }
    tbody tr.group:hover > * { background: var(--card); }
    .unit { display: block; font-size: 0.8rem; line-height: 1.3; }
    figcaption .unit { display: inline; }
    .error { font-size: 0.86em; }
    .words, .setting { white-space: normal; overflow-wrap: anywhere; }
    .words { display: inline-block; max-width: 13rem; }
    .shared { text-align: center; }
    .setting { font-family: var(--mono); font-size: 0.82rem; min-width: 8rem; max-width: 20rem; }
    .scroller + .quiet { margin-top: 0.9rem; }
    .quiet code { white-space: nowrap; }
    details { margin-top: 1rem; }
    summary { cursor: pointer; color: var(--accent); font-size: 0.92rem; }
    details[open] > summary { margin-bottom: 0.7rem; }

    .legend { display: flex; flex-wrap: wrap; gap: 0.4rem 1.4rem; margin: 0 0 1rem; padding: 0; list-style: none;
      font-size: 0.9rem; }
    .legend li { display: flex; align-items: center; gap: 0.5rem; overflow-wrap: anywhere; }
    .legend svg { flex: none; width: 30px; height: 10px; }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.2rem; }
    figure { margin: 0; }
    .chart { padding: 1rem 1rem 0.6rem; background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
      min-width: 0; }
    .chart figcaption { margin-bottom: 0.6rem; font-size: 0.85rem; line-height: 1.4; color: var(--muted); }
    .chart figcaption b { display: block; font-size: 1rem; color: var(--ink); }
    .chart svg { display: block; width: 100%; height: auto; overflow: visible; }
    .chart svg svg { overflow: hidden; }
    .chart text { font: 12px var(--sans); fill: var(--muted); font-variant-numeric: tabular-nums; }
    .grid { stroke: var(--rule); stroke-width: 1; }
    .line { fill: none; stroke: var(--series); stroke-width: 2; stroke-dasharray: var(--dash); stroke-linejoin: round; }
    .noise { fill: none; stroke: var(--series); stroke-width: 1; opacity: 0.22; stroke-linejoin: round; }
    .mark { fill: var(--card); stroke: var(--series); stroke-width: 2; }
    .best { fill: var(--series); }
    .front { fill: none; stroke: var(--muted); stroke-width: 1.5; }
    .reference { stroke: var(--series); stroke-width: 1.5; stroke-dasharray: 1 3; }
    .narrow { display: none; }

    .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); gap: 1rem;
      margin-top: 1rem; }
    .card { padding: 1rem 1.1rem; background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
      min-width: 0; }
    .prose { margin: 0; font-family: var(--serif); white-space: pre-wrap; overflow-wrap: anywhere;
      unicode-bidi: isolate; }
    .original { color: var(--muted); }
    .sample + .sample { margin-top: 1.6rem; padding-top: 1.4rem; border-top: 1px dashed var(--rule); }
    .sample > .prose { max-width: 46rem; padding-left: 0.9rem; border-left: 3px solid var(--rule); }

    .passages { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1.2rem; }
    .passage { padding: 1rem 1.2rem; background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
      min-width: 0; }
    .passage figcaption { margin-bottom: 0.6rem; font-weight: 600; }
    .passage figcaption .unit { font-weight: 400; }
    .tokens { line-height: 1.95; }
    .k { border-radius: 2px; padding: 0.08em 0; color: var(--on-k); unicode-bidi: isolate; }
    .k0 { color: inherit; }
    .k1 { background: var(--k1); border-bottom: 1px dotted var(--k-line); }
    .k2 { background: var(--k2); border-bottom: 2px solid var(--k-line); }
    .k3 { background: var(--k3); border-bottom: 3px solid var(--k-line); }
    .k4 { background: var(--k4); border-bottom: 5px double var(--ink); }
    .legend .k { padding: 0 0.35em; }
    .sign { color: var(--muted); font-family: var(--sans); font-size: 0.8em; }
    .context { font-family: var(--serif); }
    mark { background: var(--k2); color: var(--on-k); }

    dl { margin: 0; display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: 0.35rem 1.2rem;
      font-size: 0.92rem; }
    dt { font-weight: 600; overflow-wrap: anywhere; }
    dd { margin: 0; color: var(--muted); overflow-wrap: anywhere; min-width: 0; }
    dl + h3 { margin-top: 1.2rem; }

    @media (max-width: 40rem) {
      body { padding: 1.5rem 1rem 3rem; }
      section { margin-top: 2.2rem; padding-top: 1.3rem; }
      .wide { display: none; }
      .narrow { display: block; }
      .result, .card, .passage { padding: 0.9rem; }
      .chart { padding: 0.8rem 0.5rem 0.4rem; }
      .chart figcaption { padding: 0 0.3rem; }
      .tiles { grid-template-columns: 1fr 1fr; }
      .ends span:nth-child(2) { display: none; }
      th, td { padding: 0.4rem 0.6rem; }
      th:first-child, td:first-child { min-width: 7.5rem; max-width: 10rem; }
      table { font-size: 0.86rem; }
      .group th span { left: 0.6rem; }
      dl { grid-template-columns: 1fr; gap: 0; }
      dd { margin-bottom: 0.6rem; }
    }
    @media print {
      body { max-width: none; padding: 0; background: none; }
      .result, .chart, .card, .passage, tr { break-inside: avoid; }
      .scroller { overflow: visible; }
    }
    """
}
