/// The looks of a page: light or dark as the reader's system is, narrow or wide, on screen or paper.
enum PageStyle {
  static let sheet = """
    :root{--ink:#1d1f22;--soft:#555a60;--rule:#d4d8dd;--paper:#ffffff;--tint:#f4f6f8;--link:#00589b}
    @media screen and (prefers-color-scheme:dark){
    :root{--ink:#e6e6e6;--soft:#aaaaaa;--rule:#3a3d42;--paper:#17191c;--tint:#202328;--link:#7cc0f5}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--paper);color:var(--ink);
    font:15px/1.5 system-ui,"Segoe UI","Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
    main{max-width:1160px;margin:0 auto;padding:20px 16px 60px}
    h1{font-size:1.6em;line-height:1.2;margin:.2em 0 .4em;overflow-wrap:anywhere}
    h2{font-size:1.25em;margin:2em 0 .5em;padding-bottom:.2em;border-bottom:2px solid var(--rule)}
    h3{font-size:1.05em;margin:1.6em 0 .2em}
    header p{margin:.2em 0;overflow-wrap:anywhere}
    nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:12px}
    a{color:var(--link)}
    .note,figcaption{color:var(--soft);font-size:.87em;max-width:75em;margin:.35em 0}
    code{font-size:.92em;overflow-wrap:anywhere}
    .scroll{overflow-x:auto;max-width:100%;margin:.8em 0 .4em}
    table{border-collapse:collapse;font-size:.87em;line-height:1.35;font-variant-numeric:tabular-nums}
    caption{text-align:left;font-weight:600;padding:0 0 .4em}
    th,td{padding:4px 10px;vertical-align:top;border-bottom:1px solid var(--rule)}
    td{text-align:right;white-space:nowrap}
    th{text-align:left;font-weight:500}
    thead th{font-weight:600;vertical-align:bottom;border-bottom:2px solid var(--soft)}
    thead th[colspan]{border-bottom:1px solid var(--rule);text-align:center}
    thead th.n{text-align:right}
    tr.group th{background:var(--tint);font-weight:600}
    tr.group span{position:sticky;left:10px}
    small{display:block;color:var(--soft);font-size:.86em;font-weight:400}
    b{font-weight:800}
    td.t,.facts td{text-align:left;white-space:normal;overflow-wrap:anywhere}
    figure{margin:0 0 1em}
    .key{list-style:none;display:flex;flex-wrap:wrap;gap:2px 18px;margin:.5em 0;padding:0;font-size:.85em}
    .key li{display:flex;align-items:center;gap:6px}
    .panels{display:flex;flex-wrap:wrap;gap:6px 12px;align-items:flex-start}
    .panels svg{max-width:100%;height:auto;display:block}
    details{margin:.6em 0}
    summary{cursor:pointer;font-weight:600}
    @media screen and (max-width:480px){
    main{padding:12px 10px 40px}body{font-size:14px}th,td{padding:3px 7px}
    .grouped tr:not(.group)>:first-child{display:none}
    .grouped tr:not(.group)>:nth-child(2){position:sticky;left:0;background:var(--paper)}}
    @media print{
    @page{margin:14mm}
    main{max-width:none;padding:0}nav{display:none}
    body{font-size:10pt}table{font-size:7.4pt}th,td{padding:2px 5px}
    .scroll{overflow:visible}td{white-space:normal}
    .panels svg{width:48%}
    h2,h3,.note,.key,tr.group{break-after:avoid}tr,.note,.panels svg{break-inside:avoid}thead{display:table-header-group}
    a{color:inherit;text-decoration:none}}
    """
}
