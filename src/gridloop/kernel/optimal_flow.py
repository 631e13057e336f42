"""Power into branches in polar voltages, with first and second derivatives, written into the slots of sparse matrices.

With d = θ_t − θ_h every power of a branch has the form  k_t v_t² + k_h v_h² + v_t v_h φ(d), and φ'' = −φ:

    P_t   φ = α = a cos d + b sin d     φ' = α' = b cos d − a sin d     k_t =  Re y_tt      y_th = a + jb
    Q_t   φ = −α'                       φ' = α                          k_t = −Im y_tt
    P_h   φ = γ = c cos d − e sin d     φ' = δ = −c sin d − e cos d     k_h =  Re y_hh      y_ht = c + je
    Q_h   φ = δ                         φ' = −γ                         k_h = −Im y_hh

A weighted sum of the four keeps that form, with Φ = w₁α − w₂α' + w₃γ + w₄δ and Φ' = w₁α' + w₂α + w₃δ − w₄γ: ten second
derivatives come from Φ, Φ' and two constants. A limit P² + Q² ≤ r² with multiplier μ adds 2μP and 2μQ to the weights,
and 2μ(∇P∇Pᵀ + ∇Q∇Qᵀ).

Shapes used throughout: v, theta [node]; tail, head [branch]; y [branch, 8] real and imaginary parts of y_tt, y_th,
y_ht, y_hh; shunt [node, 2] conductance and susceptance to ground; limited [limit] branches whose rating counts, at both
ends.
"""

from __future__ import annotations

import math

import numpy as np

from gridloop.kernel.compiled import inner, outer


@inner
def _parts(k, theta, tail, head, y):
    """α, α', γ, δ of branch k."""
    d = theta[tail[k]] - theta[head[k]]
    cos, sin = math.cos(d), math.sin(d)
    a, b, c, e = y[k, 2], y[k, 3], y[k, 4], y[k, 5]
    return a * cos + b * sin, b * cos - a * sin, c * cos - e * sin, -c * sin - e * cos


@outer
def powers(theta, v, tail, head, y, s):
    """P and Q into every branch at tail and head. s [branch, 4], written here"""
    for k in range(tail.size):
        al, be, ga, de = _parts(k, theta, tail, head, y)
        vt, vh = v[tail[k]], v[head[k]]
        w = vt * vh
        s[k, 0] = y[k, 0] * vt * vt + w * al
        s[k, 1] = -y[k, 1] * vt * vt - w * be
        s[k, 2] = y[k, 6] * vh * vh + w * ga
        s[k, 3] = -y[k, 7] * vh * vh + w * de


@outer
def rows(theta, v, tail, head, y, shunt, drawn, limited, s, out):
    """Balance of P, then of Q, at every node (branches + shunt + drawn), then P² + Q² of the limited branches at tail,
    then at head. s [branch, 4] scratch; drawn [node, 2] load less generation; out [2 node + 2 limit], written here"""
    n, m = v.size, limited.size
    powers(theta, v, tail, head, y, s)
    for i in range(n):
        out[i] = drawn[i, 0] + shunt[i, 0] * v[i] * v[i]
        out[n + i] = drawn[i, 1] - shunt[i, 1] * v[i] * v[i]
    for k in range(tail.size):
        out[tail[k]] += s[k, 0]
        out[n + tail[k]] += s[k, 1]
        out[head[k]] += s[k, 2]
        out[n + head[k]] += s[k, 3]
    for j in range(m):
        k = limited[j]
        out[2 * n + j] = s[k, 0] * s[k, 0] + s[k, 1] * s[k, 1]
        out[2 * n + m + j] = s[k, 2] * s[k, 2] + s[k, 3] * s[k, 3]


@inner
def _gradient(k, theta, v, tail, head, y, g):
    """Derivatives of P_t, Q_t, P_h, Q_h of branch k by θ_t, v_t, v_h; by θ_h they are those by θ_t with the other sign.
    g [4, 3], written here"""
    al, be, ga, de = _parts(k, theta, tail, head, y)
    vt, vh = v[tail[k]], v[head[k]]
    w = vt * vh
    g[0, 0], g[0, 1], g[0, 2] = w * be, 2 * y[k, 0] * vt + vh * al, vt * al
    g[1, 0], g[1, 1], g[1, 2] = w * al, -2 * y[k, 1] * vt - vh * be, -vt * be
    g[2, 0], g[2, 1], g[2, 2] = w * de, vh * ga, 2 * y[k, 6] * vh + vt * ga
    g[3, 0], g[3, 1], g[3, 2] = -w * ga, vh * de, -2 * y[k, 7] * vh + vt * de


@outer
def jacobian(theta, v, tail, head, y, shunt, limited, s, out):
    """First derivatives in the slots of `jacobian_places`. s [branch, 4] scratch; out, written here"""
    n, nb, m = v.size, tail.size, limited.size
    g = np.empty((4, 3))
    for i in range(n):
        out[i] = 0.0
        out[n + i] = 2 * shunt[i, 0] * v[i]
        out[2 * n + i] = 0.0
        out[3 * n + i] = -2 * shunt[i, 1] * v[i]
    for k in range(nb):
        t, h = tail[k], head[k]
        _gradient(k, theta, v, tail, head, y, g)
        out[t] += g[0, 0]
        out[n + t] += g[0, 1]
        out[2 * n + t] += g[1, 0]
        out[3 * n + t] += g[1, 1]
        out[h] -= g[2, 0]
        out[n + h] += g[2, 2]
        out[2 * n + h] -= g[3, 0]
        out[3 * n + h] += g[3, 2]
        at = 4 * n + 8 * k
        out[at] = -g[0, 0]
        out[at + 1] = g[0, 2]
        out[at + 2] = -g[1, 0]
        out[at + 3] = g[1, 2]
        out[at + 4] = g[2, 0]
        out[at + 5] = g[2, 1]
        out[at + 6] = g[3, 0]
        out[at + 7] = g[3, 1]
    if m:
        powers(theta, v, tail, head, y, s)
    for j in range(m):
        k = limited[j]
        _gradient(k, theta, v, tail, head, y, g)
        for end in range(2):
            p, q, at = 2 * s[k, 2 * end], 2 * s[k, 2 * end + 1], 4 * n + 8 * nb + 4 * (end * m + j)
            turn = p * g[2 * end, 0] + q * g[2 * end + 1, 0]
            out[at] = turn
            out[at + 1] = -turn
            out[at + 2] = p * g[2 * end, 1] + q * g[2 * end + 1, 1]
            out[at + 3] = p * g[2 * end, 2] + q * g[2 * end + 1, 2]


@outer
def jacobian_places(n, tail, head, limited, row, col):
    """Rows and columns of the slots of `jacobian`; columns θ [node], then v [node]. row, col, written here"""
    nb, m = tail.size, limited.size
    for i in range(n):
        row[i], col[i] = i, i
        row[n + i], col[n + i] = i, n + i
        row[2 * n + i], col[2 * n + i] = n + i, i
        row[3 * n + i], col[3 * n + i] = n + i, n + i
    for k in range(nb):
        at, t, h = 4 * n + 8 * k, tail[k], head[k]
        row[at], col[at] = t, h
        row[at + 1], col[at + 1] = t, n + h
        row[at + 2], col[at + 2] = n + t, h
        row[at + 3], col[at + 3] = n + t, n + h
        row[at + 4], col[at + 4] = h, t
        row[at + 5], col[at + 5] = h, n + t
        row[at + 6], col[at + 6] = n + h, t
        row[at + 7], col[at + 7] = n + h, n + t
    for j in range(m):
        t, h = tail[limited[j]], head[limited[j]]
        for end in range(2):
            at = 4 * n + 8 * nb + 4 * (end * m + j)
            for c in range(4):
                row[at + c] = 2 * n + end * m + j
            col[at], col[at + 1], col[at + 2], col[at + 3] = t, h, n + t, n + h


@outer
def hessian(theta, v, tail, head, y, shunt, limit_of, weight, limit_weight, limit_stiff, angle_stiff, s, out):
    """Second derivatives of Σ weight · row in the slots of `hessian_places` (each pair once), and stiffness · ∇h∇hᵀ.

    limit_stiff [2 limit] stiffness of every limit h = P² + Q²; angle_stiff [branch] of its angle

    limit_of [branch] its place among the limited branches, −1 where it is none; weight [2 node] of the balances;
    limit_weight [2 limit] of the limits; s [branch, 4] scratch; out [3 node + 4 branch], written here
    """
    n, nb, m = v.size, tail.size, limit_weight.size // 2
    powers(theta, v, tail, head, y, s)
    g = np.empty((4, 3))
    for i in range(n):
        out[i] = 0.0
        out[n + i] = 2 * (weight[i] * shunt[i, 0] - weight[n + i] * shunt[i, 1])
        out[2 * n + i] = 0.0
    for k in range(nb):
        t, h = tail[k], head[k]
        vt, vh = v[t], v[h]
        al, be, ga, de = _parts(k, theta, tail, head, y)
        w1, w2, w3, w4 = weight[t], weight[n + t], weight[h], weight[n + h]
        j = limit_of[k]
        mt, mh, st, sh = 0.0, 0.0, 0.0, 0.0
        if j >= 0:
            st, sh = limit_stiff[j], limit_stiff[m + j]
            mt, mh = 2 * limit_weight[j], 2 * limit_weight[m + j]
            w1 += mt * s[k, 0]
            w2 += mt * s[k, 1]
            w3 += mh * s[k, 2]
            w4 += mh * s[k, 3]
        f = w1 * al - w2 * be + w3 * ga + w4 * de
        df = w1 * be + w2 * al + w3 * de - w4 * ga
        turn = -vt * vh * f + angle_stiff[k]
        tvt, tvh, hvt, hvh = vh * df, vt * df, -vh * df, -vt * df
        vtvt, vhvh, vtvh = 2 * (w1 * y[k, 0] - w2 * y[k, 1]), 2 * (w3 * y[k, 6] - w4 * y[k, 7]), f
        if j >= 0:
            _gradient(k, theta, v, tail, head, y, g)
            for end in range(2):
                mu, stiff = (mt, st) if end == 0 else (mh, sh)
                r = 2 * end
                p, q = 2 * s[k, r], 2 * s[k, r + 1]
                ha, hb, hc = p * g[r, 0] + q * g[r + 1, 0], p * g[r, 1] + q * g[r + 1, 1], p * g[r, 2] + q * g[r + 1, 2]
                ab = mu * (g[r, 0] * g[r, 1] + g[r + 1, 0] * g[r + 1, 1]) + stiff * ha * hb
                ac = mu * (g[r, 0] * g[r, 2] + g[r + 1, 0] * g[r + 1, 2]) + stiff * ha * hc
                turn += mu * (g[r, 0] * g[r, 0] + g[r + 1, 0] * g[r + 1, 0]) + stiff * ha * ha
                tvt += ab
                tvh += ac
                hvt -= ab
                hvh -= ac
                vtvt += mu * (g[r, 1] * g[r, 1] + g[r + 1, 1] * g[r + 1, 1]) + stiff * hb * hb
                vhvh += mu * (g[r, 2] * g[r, 2] + g[r + 1, 2] * g[r + 1, 2]) + stiff * hc * hc
                vtvh += mu * (g[r, 1] * g[r, 2] + g[r + 1, 1] * g[r + 1, 2]) + stiff * hb * hc
        out[t] += turn
        out[h] += turn
        out[n + t] += vtvt
        out[n + h] += vhvh
        out[2 * n + t] += tvt
        out[2 * n + h] += hvh
        at = 3 * n + 4 * k
        out[at], out[at + 1], out[at + 2], out[at + 3] = -turn, vtvh, tvh, hvt


@outer
def hessian_places(n, tail, head, row, col):
    """Rows and columns of the slots of `hessian`, lower triangle (row ≥ col). row, col, written here"""
    for i in range(n):
        row[i], col[i] = i, i
        row[n + i], col[n + i] = n + i, n + i
        row[2 * n + i], col[2 * n + i] = n + i, i
    for k in range(tail.size):
        at, t, h = 3 * n + 4 * k, tail[k], head[k]
        row[at], col[at] = max(t, h), min(t, h)
        row[at + 1], col[at + 1] = n + max(t, h), n + min(t, h)
        row[at + 2], col[at + 2] = n + h, t
        row[at + 3], col[at + 3] = n + t, h


@outer
def pull(theta, v, tail, head, y, shunt, limited, s, weight, limit_weight, out):
    """Gradient of Σ weight · row: what the multipliers of balances and limits pull at every voltage.

    s [branch, 4] powers at this point; weight [2 node]; limit_weight [2 limit]; out [2 node] by θ, then by v, written
    here
    """
    n, m = v.size, limited.size
    g = np.empty((4, 3))
    w = np.empty(4)
    of = np.full(tail.size, -1)
    for j in range(m):
        of[limited[j]] = j
    for i in range(n):
        out[i] = 0.0
        out[n + i] = 2 * (weight[i] * shunt[i, 0] - weight[n + i] * shunt[i, 1]) * v[i]
    for k in range(tail.size):
        t, h = tail[k], head[k]
        _gradient(k, theta, v, tail, head, y, g)
        w[0], w[1], w[2], w[3] = weight[t], weight[n + t], weight[h], weight[n + h]
        j = of[k]
        if j >= 0:
            for c in range(4):
                w[c] += 2 * limit_weight[(c // 2) * m + j] * s[k, c]
        turn = w[0] * g[0, 0] + w[1] * g[1, 0] + w[2] * g[2, 0] + w[3] * g[3, 0]
        out[t] += turn
        out[h] -= turn
        out[n + t] += w[0] * g[0, 1] + w[1] * g[1, 1] + w[2] * g[2, 1] + w[3] * g[3, 1]
        out[n + h] += w[0] * g[0, 2] + w[1] * g[1, 2] + w[2] * g[2, 2] + w[3] * g[3, 2]


@outer
def push(theta, v, tail, head, y, limited, s, step, out):
    """Change of P² + Q² of the limited branches along a step of the voltages.

    step [2 node] of θ, then of v; s [branch, 4] powers at this point; out [2 limit], written here
    """
    n, m = v.size, limited.size
    g = np.empty((4, 3))
    for j in range(m):
        k = limited[j]
        t, h = tail[k], head[k]
        _gradient(k, theta, v, tail, head, y, g)
        d = step[t] - step[h]
        for end in range(2):
            total = 0.0
            for c in range(2 * end, 2 * end + 2):
                total += 2 * s[k, c] * (g[c, 0] * d + g[c, 1] * step[n + t] + g[c, 2] * step[n + h])
            out[end * m + j] = total
