"""Changes before they are made: what, before and after, their effect, consent, undo, audit."""
