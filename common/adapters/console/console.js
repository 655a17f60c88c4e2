'use strict';
/* Takes the page's new content once a second, and changes only what differs, so that focus and selection stay. */
(() => {
	const LOST_MS = 5000;
	const link = document.getElementById('link');
	let source = null, seen = Date.now();
	document.body.classList.remove('no-script');

	const say = (text, state) => {
		if (link.textContent !== text) link.textContent = text;
		link.className = state;
		document.body.classList.toggle('lost-link', state === 'lost');
	};

	/* Makes `old` like `young`. */
	const become = (old, young) => {
		if (old.nodeName !== young.nodeName) {
			old.replaceWith(document.importNode(young, true));
			return;
		}
		if (old.nodeType !== Node.ELEMENT_NODE) {
			if (old.nodeValue !== young.nodeValue) old.nodeValue = young.nodeValue;
			return;
		}
		if (old.classList.contains('done')) return; /* a button that still says that it has copied */
		for (const { name } of [...old.attributes]) if (!young.hasAttribute(name)) old.removeAttribute(name);
		for (const { name, value } of young.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
		const olds = [...old.childNodes], youngs = [...young.childNodes];
		youngs.forEach((child, i) => (olds[i] ? become(olds[i], child) : old.append(document.importNode(child, true))));
		olds.slice(youngs.length).forEach((child) => child.remove());
	};

	const show = (event) => {
		seen = Date.now();
		const young = new DOMParser().parseFromString(event.data, 'text/html').querySelector('main');
		if (young) become(document.querySelector('main'), young);
		say('live', 'live');
	};

	const open = () => {
		if (source) return;
		seen = Date.now();
		source = new EventSource('console/events');
		source.onmessage = show;
		source.onerror = () => {
			if (source && source.readyState === EventSource.CLOSED) { /* refused: there are too many viewers, or no right */
				source = null;
				setTimeout(() => document.hidden || open(), LOST_MS);
			}
		};
	};

	const close = () => {
		if (source) source.close();
		source = null;
	};

	setInterval(() => {
		const silent = Date.now() - seen;
		if (silent > LOST_MS) say(`not live: from ${Math.round(silent / 1000)} s ago`, 'lost');
	}, 1000);

	/* Whom nobody looks at leaves the place to others. */
	document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));

	const selected = (code) => {
		getSelection().selectAllChildren(code);
		return document.execCommand('copy');
	};

	document.addEventListener('click', async (event) => {
		const button = event.target.closest('.copy');
		if (!button) return;
		const code = button.previousElementSibling;
		let done = false;
		try {
			await navigator.clipboard.writeText(code.textContent);
			done = true;
		} catch {
			done = selected(code); /* no clipboard for pages without https */
		}
		button.classList.add('done');
		button.textContent = done ? 'Copied' : 'Press Ctrl-C';
		setTimeout(() => {
			button.classList.remove('done');
			button.textContent = 'Copy';
		}, 2000);
	});

	open();
})();
