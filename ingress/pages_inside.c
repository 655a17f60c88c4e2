/* pages_inside: what stands inside of every page beside its words: style, script, pictures. The headers name the hashes
 * of style and script: whoever changes them takes the new ones from pages_test. */
#include "ingress/pages.h"
#include <assert.h>

/* Colours have 7:1 (text) and 4.5:1 (the rest) in both schemes. */
static const char style[] =
        ":root{color-scheme:light dark;--ink:#191c22;--soft:#414753;--ground:#eef1f5;--card:#fff;--line:#d3d9e2;"
        "--wait:#1d4ed8;--good:#15692f;--bad:#a1310c;--note:#414753}"
        "@media(prefers-color-scheme:dark){:root{--ink:#f1f3f6;--soft:#c0c7d2;--ground:#0f1216;--card:#1a1e25;"
        "--line:#39404c;--wait:#9dbcff;--good:#83d89c;--bad:#ffb08c;--note:#c0c7d2}}"
        "*{box-sizing:border-box}"
        "html{-webkit-text-size-adjust:100%;text-size-adjust:100%}"
        "body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;padding:1.5rem 1rem 3rem;"
        "background:var(--ground);color:var(--ink);font:1.0625rem/1.6 system-ui,-apple-system,'Segoe UI',Roboto,"
        "'Noto Sans',sans-serif;overflow-wrap:break-word}"
        "header,main{width:100%;max-width:34rem}"
        "header{margin:0 0 1rem;padding:0 .25rem;font-weight:600;color:var(--soft)}"
        "header p{margin:0}"
        "main{margin-top:max(0rem,calc(12vh - 5rem));padding:2rem 1.75rem;background:var(--card);border:1px solid "
        "var(--line);border-radius:1rem}"
        "svg{display:block;width:3rem;height:3rem;margin:0 0 1.25rem;fill:none;stroke:currentColor;stroke-width:2;"
        "stroke-linecap:round;stroke-linejoin:round}"
        ".wait svg{color:var(--wait)}.good svg{color:var(--good)}.bad svg{color:var(--bad)}.note svg{color:var(--note)}"
        "h1{margin:0 0 .75rem;font-size:1.625rem;line-height:1.25;letter-spacing:-.01em}"
        "p{margin:0 0 .75rem}main>p:last-child{margin-bottom:0}"
        ".advice{color:var(--soft)}"
        "#news:not(:empty){margin:1.25rem 0;padding:.75rem 1rem;border-left:.25rem solid var(--wait);background:"
        "var(--ground);border-radius:.25rem;font-weight:600}"
        "#news:empty{margin:0}"
        "a{color:var(--wait);text-underline-offset:.2em}"
        "a:focus-visible{outline:3px solid var(--wait);outline-offset:3px;border-radius:.25rem}"
        "a.go{display:inline-block;margin-top:.75rem;padding:.75rem "
        "1.5rem;border-radius:.625rem;background:var(--wait);"
        "color:var(--card);font-weight:600;text-decoration:none}"
        "a.quiet{display:inline-block;padding:.5rem 0}"
        ".hand{transform-origin:12px 12px;animation:turn 4s linear infinite}"
        "@keyframes turn{to{transform:rotate(360deg)}}"
        "@media(prefers-reduced-motion:reduce){.hand{animation:none}}"
        "@media(max-width:24rem){main{padding:1.5rem 1.125rem}h1{font-size:1.4rem}}"
        "@media(forced-colors:active){a.go{border:2px solid}}";

/* Opens the page again after a time, or asks /wait until there is news, as often as that says; after errors ever less
 * often. Where fetch is not known the link is left. */
static const char script[] =
        "(function(){'use strict';var m=document.querySelector('main'),n=document.getElementById('news'),d=m.dataset,"
        "at=location.pathname.replace(/start\\/([^\\/]+)$/,'wait/$1'),fails=0;"
        "function open(){location.replace(location.pathname)}"
        "function later(ms){setTimeout(ask,ms)}"
        "function ask(){fetch(at+'?shows='+d.shows+'&lang='+document.documentElement.lang+'&n='+d.n+'&t='+d.t,"
        "{cache:'no-store'}).then(function(r){if(r.status===429||r.status>=500)throw 0;"
        "if(!/json/.test(r.headers.get('content-type'))||!r.ok){setTimeout(open,3000);return}"
        "return r.json().then(function(a){fails=0;if(a.ready){open();return}d.n=a.ahead;d.t=a.minutes;"
        "if(n.textContent!==a.news)n.textContent=a.news;later(a.again_ms*(.9+Math.random()*.2))})})"
        ".catch(function(){later(Math.min(30000,1000*Math.pow(2,fails++))*(.75+Math.random()*.5))})}"
        "window.addEventListener('pageshow',function(e){if(e.persisted)open()});"
        "if(d.again)setTimeout(open,d.again*1000);else if(window.fetch)ask()})()";

static const char *const marks[MARK_COUNT] = {
        [MARK_WAIT] =
                "<circle cx=\"12\" cy=\"12\" r=\"10\"/><path d=\"M12 12h4\"/><path class=\"hand\" d=\"M12 12V6\"/>",
        [MARK_GOOD] = "<circle cx=\"12\" cy=\"12\" r=\"10\"/><path d=\"m7.5 12.5 3 3 6-7\"/>",
        [MARK_BAD] = "<circle cx=\"12\" cy=\"12\" r=\"10\"/><path d=\"m9 9 6 6m0-6-6 6\"/>",
        [MARK_NOTE] = "<circle cx=\"12\" cy=\"12\" r=\"10\"/><path d=\"M12 11v6M12 7v.01\"/>",
};

const char *page_style(void)
{
	return style;
}

const char *page_script(void)
{
	return script;
}

const char *page_mark_svg(enum page_mark mark)
{
	assert(mark < MARK_COUNT);
	return marks[mark];
}
