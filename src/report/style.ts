/**
 * The page's style sheet. Colours are after Okabe and Ito's, which stay apart for colour-blind readers; every stage kind has
 * one, and its charts use it. System fonts, light and dark, narrow screens, print.
 */
export const style = `
:root{color-scheme:light dark;
--paper:#fbfaf8;--card:#fff;--ink:#1c1c1e;--soft:#63636a;--line:#e7e4de;--grid:#efece6;
--supervised:#0f6cb0;--rl:#c2500a;--eval:#0a7d5c;--second:#63636a;
--right:#0a7d5c;--wrong:#b3372b;--right-tint:#f0f8f4;--wrong-tint:#fdf3f1;
--l0:#2b6ca8;--l1:#7fadd3;--l2:#c3d7e8;--l3:#e9e6e0;--l4:#f5d3ae;--l5:#ea9d55;--l6:#c2500a}
@media screen and (prefers-color-scheme:dark){:root{
--paper:#131416;--card:#1a1c1f;--ink:#ececee;--soft:#9d9da6;--line:#2c2e33;--grid:#25272b;
--supervised:#5ab0ee;--rl:#f0934e;--eval:#3fc196;--second:#a5a5ae;
--right:#3fc196;--wrong:#f0857a;--right-tint:#16211d;--wrong-tint:#251a19;
--l0:#5ab0ee;--l1:#37719b;--l2:#28475e;--l3:#2b2d31;--l4:#58402c;--l5:#a5652f;--l6:#f0934e}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1160px;margin:0 auto;padding:56px 28px 72px}
h1{font-size:34px;line-height:1.15;letter-spacing:-.02em;font-weight:650;margin:0}
h2{font-size:22px;letter-spacing:-.01em;font-weight:650;margin:0 0 4px}
h3{font-size:15px;font-weight:650;margin:30px 0 8px}
h4{font-size:14px;font-weight:600;margin:0}
section{margin-top:60px}
p{margin:0 0 12px}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.9em}
.kicker{color:var(--soft);font-size:14px;margin:0 0 8px}
.finding{font-size:19px;line-height:1.45;max-width:44em;margin:18px 0 0;text-wrap:pretty}
.note{color:var(--soft);font-size:14px;max-width:48em;text-wrap:pretty}
.facts{display:flex;flex-wrap:wrap;gap:10px 36px;margin:26px 0 0;padding:18px 0 0;border-top:1px solid var(--line)}
.facts dt,.attempt dt{color:var(--soft);font-size:12px}
.facts dd{margin:0;font-size:15px;font-variant-numeric:tabular-nums}
.k-pretrain,.k-sft{--c:var(--supervised)}.k-rl{--c:var(--rl)}.k-eval{--c:var(--eval)}
.scroll+.note{margin-top:14px}
.results{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:24px 56px;align-items:start;margin-top:20px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:15px}
th{color:var(--soft);font-weight:500;font-size:13px;text-align:right;padding:0 0 8px 16px;white-space:nowrap}
td{text-align:right;padding:11px 0 11px 16px;border-top:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
td:first-child{font-weight:600}
td:first-child::before{content:"";display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:9px;background:var(--c)}
td small{color:var(--soft);font-size:13px;margin-left:7px}
figure{margin:0}
figcaption{color:var(--soft);font-size:13px;line-height:1.45;margin-top:8px;text-wrap:pretty}
figcaption:empty{display:none}
.broken{color:var(--wrong);font-weight:600}
svg{display:block;width:100%;height:auto;overflow:visible;font-family:inherit}
svg text{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}
svg .name{fill:var(--ink);font-size:14px;font-weight:600}svg .figure{fill:var(--ink)}.stages .figure{font-size:14px}
.stages{max-width:560px}
.grid{stroke:var(--grid);fill:none}
.track{fill:var(--grid);opacity:.55}.bar{fill:var(--c);opacity:.82}
.interval{stroke:var(--ink);stroke-width:1.6;fill:none}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr));gap:18px;margin-top:18px}
.chart{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px 14px;max-width:560px}
.head{display:flex;justify-content:space-between;align-items:baseline;gap:12px;margin-bottom:6px;min-height:22px}
.now{font-size:13px;color:var(--soft);font-variant-numeric:tabular-nums;white-space:nowrap}.head h4{min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.chart path{fill:none;stroke-linejoin:round;stroke-linecap:round}
.s0{--s:var(--c,var(--supervised))}.s1{--s:var(--second)}.s2{--s:var(--eval)}.s3{--s:#b0619a}
.line{stroke:var(--s);stroke-width:1.9}
.raw{stroke:var(--s);stroke-width:1;opacity:.3}
.chart .band{fill:var(--s);opacity:.12;stroke:none}
.whisker{stroke:var(--s);stroke-width:1.4;opacity:.6}
.dot{fill:var(--s)}
svg .label{fill:var(--s)}
.chart .level{stroke:var(--soft);stroke-dasharray:2 4;opacity:.7}
.cursor line{stroke:var(--soft);opacity:.5}
.chart .load0{fill:var(--l0)}.chart .load1{fill:var(--l1)}.chart .load2{fill:var(--l2)}.chart .load3{fill:var(--l3)}.chart .load4{fill:var(--l4)}.chart .load5{fill:var(--l5)}.chart .load6{fill:var(--l6)}
.load0-box{background:var(--l0)}.load1-box{background:var(--l1)}.load2-box{background:var(--l2)}.load3-box{background:var(--l3)}.load4-box{background:var(--l4)}.load5-box{background:var(--l5)}.load6-box{background:var(--l6)}
.chart .rule{stroke:var(--card);stroke-width:1.5;vector-effect:non-scaling-stroke}
.legend{display:flex;align-items:center;gap:2px;color:var(--soft);font-size:13px}
.legend i{width:24px;height:11px;display:inline-block}.legend span:first-child{margin-right:8px;text-align:right}.legend span:last-child{margin-left:8px}
details{margin-top:18px}
summary{cursor:pointer;color:var(--soft);font-size:14px}
pre{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;overflow:auto;font-size:13px;line-height:1.5}
.compared{grid-template-columns:minmax(0,8fr) minmax(0,5fr)}.compared td small{display:block;margin:0}
.warnings,.notes{padding-left:20px;font-size:15px}.notes li{margin-bottom:8px;overflow-wrap:anywhere}.notes pre{margin:6px 0 0;padding:10px 14px;max-height:220px}
.warnings li{margin-bottom:6px}
.attempts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,320px),1fr));gap:18px;align-items:start}
.attempt{--v:var(--wrong);background:var(--card);border:1px solid var(--line);border-left:4px dashed var(--v);border-radius:10px;padding:14px 16px;min-width:0}
.attempt.right{--v:var(--right);border-left-style:solid}
.attempt header{display:flex;flex-direction:column;gap:4px}
.verdict{color:var(--v);font-size:13px;font-weight:650}
.question{font-size:16px;overflow-wrap:anywhere}
p.question{font-size:15px;line-height:1.45;margin:0;white-space:pre-wrap;max-height:220px;overflow:auto}
.said{margin:12px 0;padding:2px 0 2px 12px;border-left:1px solid var(--line);max-height:300px;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;font-size:14px;line-height:1.5;color:var(--soft)}
.steps{list-style:none;margin:12px 0;padding:2px 0 2px 12px;border-left:1px solid var(--line);max-height:300px;overflow:auto}
.steps li{overflow-wrap:anywhere;line-height:1.5;color:var(--soft)}
.answer{margin:0 0 12px;overflow-wrap:anywhere}.answer:not(.none) code:first-of-type{color:var(--v);font-weight:650}.answer em{color:var(--soft);font-size:13px}
.attempt dl{display:flex;flex-wrap:wrap;gap:6px 18px;margin:0;padding-top:10px;border-top:1px solid var(--line)}
.attempt dd{margin:0;font-size:14px;font-variant-numeric:tabular-nums}
.filter{display:flex;gap:6px;margin-top:16px}.filter[hidden]{display:none}
.filter button{font:inherit;font-size:14px;color:var(--soft);background:none;border:1px solid var(--line);border-radius:99px;padding:3px 14px;cursor:pointer}
.filter button[aria-pressed=true]{color:var(--ink);border-color:var(--ink)}
.show-right .wrong,.show-wrong .right{display:none}
footer{margin-top:72px;padding-top:18px;border-top:1px solid var(--line);color:var(--soft);font-size:13px}
@media (max-width:820px){.results{grid-template-columns:minmax(0,1fr)}}
@media (max-width:560px){main{padding:32px 16px 48px}h1{font-size:27px}.finding{font-size:17px}section{margin-top:44px}.facts{gap:10px 26px}
table{font-size:14px}th{padding-left:8px;white-space:normal;vertical-align:bottom}td{padding-left:8px}td:first-child::before{margin-right:6px}td small{display:block;margin:0}
.charts,.attempts{gap:14px}.chart,.attempt{padding:12px}.stages svg text{font-size:15px}.stages svg .name,.stages svg .figure{font-size:18px}}
@media print{body{font-size:12px}main{max-width:none;padding:0}.chart,.attempt,tr,.stages{break-inside:avoid}h2,h3{break-after:avoid}.steps{max-height:none}.filter,summary{display:none}
.charts,.attempts{grid-template-columns:1fr 1fr}}
`;
